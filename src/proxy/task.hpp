// A coroutine that another one awaits. It begins when it is awaited and belongs to one thread. What
// it throws is thrown where it is awaited.
//
// Nobody resumes a coroutine from within another one: who ends leaves the handle of the one that
// waits for it, and run() resumes that next. So the stack does not grow with the number of
// requests.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace odysseus::proxy_task {

inline thread_local std::coroutine_handle<> t_next;

// Resumes, and whoever can go on because of that.
inline void run(std::coroutine_handle<> coroutine) {
    while (coroutine) {
        coroutine.resume();
        coroutine = std::exchange(t_next, {});
    }
}

struct PromiseBase {
    struct Final {
        static bool await_ready() noexcept { return false; }
        template <class Promise>
        static void await_suspend(std::coroutine_handle<Promise> ended) noexcept {
            if (ended.promise().awaiting) t_next = ended.promise().awaiting;
        }
        static void await_resume() noexcept {}
    };
    static std::suspend_always initial_suspend() noexcept { return {}; }
    static Final final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }

    std::coroutine_handle<> awaiting;
    std::exception_ptr error;
};

template <class T>
struct Promise : PromiseBase {
    auto get_return_object() { return std::coroutine_handle<Promise>::from_promise(*this); }
    template <class Value>
    void return_value(Value&& result) {
        value.emplace(std::forward<Value>(result));
    }
    std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
    auto get_return_object() { return std::coroutine_handle<Promise>::from_promise(*this); }
    static void return_void() noexcept {}
};

} // namespace odysseus::proxy_task

namespace odysseus::proxy {

template <class T = void>
class [[nodiscard]] Task {
  public:
    using promise_type = proxy_task::Promise<T>;

    // NOLINTNEXTLINE(google-explicit-constructor): what get_return_object() gives
    Task(std::coroutine_handle<promise_type> coroutine) : m_coroutine(coroutine) {}
    Task(Task&& other) noexcept : m_coroutine(std::exchange(other.m_coroutine, {})) {}
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() {
        if (m_coroutine) m_coroutine.destroy();
    }

    static bool await_ready() noexcept { return false; }
    // Begins; false: it has ended already.
    bool await_suspend(std::coroutine_handle<> awaiting) {
        m_coroutine.resume();
        if (m_coroutine.done()) return false;
        m_coroutine.promise().awaiting = awaiting;
        return true;
    }
    T await_resume() {
        auto& promise = m_coroutine.promise();
        if (promise.error) std::rethrow_exception(promise.error);
        if constexpr (!std::is_void_v<T>) return std::move(*promise.value);
    }

  private:
    std::coroutine_handle<promise_type> m_coroutine;
};

// A coroutine that nobody awaits; it may not throw.
struct Detached {
    struct promise_type {
        static Detached get_return_object() noexcept { return {}; }
        static std::suspend_never initial_suspend() noexcept { return {}; }
        static std::suspend_never final_suspend() noexcept { return {}; }
        static void return_void() noexcept {}
        static void unhandled_exception() noexcept { std::terminate(); }
    };
};

} // namespace odysseus::proxy
