// The one source of chance in the simulation: the same seed gives the same run on every machine.
#pragma once

#include <cstdint>

namespace simulation {

class Random { // splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators)
  public:
    explicit Random(std::uint64_t seed) : m_state(seed) {}

    std::uint64_t next() {
        m_state += 0x9e3779b97f4a7c15U;
        auto mixed = m_state;
        mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
        return mixed ^ (mixed >> 31U);
    }
    // 0 <= n < end
    std::uint64_t below(std::uint64_t end) { return next() % end; }
    bool chance(unsigned per_thousand) { return below(1000) < per_thousand; }

  private:
    std::uint64_t m_state;
};

} // namespace simulation
