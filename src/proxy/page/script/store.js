
// ---- conversations, kept in this browser -------------------------------------------------------------------------
// One entry of localStorage for each: {id, title, at, turns: [{role, text, pictures?, thoughts?, facts?}]}.

const k_chat_prefix = "odysseus.chat.";
const k_title_max = 60;

const store = {
  get(name) { try { return JSON.parse(localStorage.getItem(name)); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* switched off or full */ } },

  // The latest first.
  list() {
    let names = [];
    try { names = Object.keys(localStorage).filter(name => name.startsWith(k_chat_prefix)); } catch { /* switched off */ }
    return names.map(name => this.get(name)).filter(one => typeof one?.id === "string" && Array.isArray(one.turns))
      .sort((a, b) => b.at - a.at);
  },

  // Where there is no room the pictures of old conversations go first, then the oldest of them.
  save(conversation) {
    const write = one => localStorage.setItem(k_chat_prefix + one.id, JSON.stringify(one));
    for (let tries = 0; tries < 100; tries += 1) {
      try {
        write(conversation);
        return text($("store-fault"), "");
      } catch {
        if (!this.makeRoom(conversation.id, write)) break;
      }
    }
    text($("store-fault"), "This browser keeps no more of it: its storage is full or switched off.");
  },

  makeRoom(kept, write) {
    const others = this.list().filter(one => one.id !== kept).reverse();
    const heavy = others.find(one => one.turns.some(turn => turn.pictures?.length));
    const victim = heavy ?? others[0];
    if (!victim) return false;
    this.remove(victim.id);
    if (heavy) try { write({...heavy, turns: heavy.turns.map(({pictures, ...turn}) => turn)}); } catch { /* it is gone, then */ }
    return true;
  },

  remove(id) { try { localStorage.removeItem(k_chat_prefix + id); } catch { /* switched off */ } },
};

function newConversation() {
  return {id: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`, title: "", at: Date.now(), turns: []};
}

function titleOf(words) {
  const line = words.trim().replace(/\s+/g, " ");
  return line.length > k_title_max ? `${line.slice(0, k_title_max - 1)}…` : line || "Picture";
}

function asMarkdown(conversation) {
  const turns = conversation.turns.map(turn => [`## ${turn.role === "user" ? "You" : turn.facts?.model ?? "Answer"}`, "",
    ...(turn.pictures?.length ? [`(${plural(turn.pictures.length, "picture")})`, ""] : []), turn.text, ""].join("\n"));
  return [`# ${conversation.title}`, "", new Date(conversation.at).toLocaleString("en-GB"), "", ...turns].join("\n");
}

const chatsDrawer = new Drawer("chats", "open-chats");

function showConversations() {
  const all = store.list();
  $("chats-empty").hidden = all.length > 0;
  $("delete-all").hidden = all.length < 2;
  keep($("chat-list"), all, one => one.id, makeEntry, (node, one) => {
    text(node.querySelector(".pick span"), one.title);
    node.querySelector(".pick").title = new Date(one.at).toLocaleString("en-GB");
    node.querySelector(".save").setAttribute("aria-label", `Export “${one.title}”`);
    node.querySelector(".delete").setAttribute("aria-label", `Delete “${one.title}”`);
    node.toggleAttribute("data-current", one.id === chat.current?.id);
    if (one.id === chat.current?.id) node.querySelector(".pick").setAttribute("aria-current", "true");
    else node.querySelector(".pick").removeAttribute("aria-current");
  });
}

function makeEntry({id}) {
  const pick = make("button", {type: "button", class: "quiet pick"}, make("span"));
  pick.addEventListener("click", () => openConversation(id));
  const save = iconButton("down", "Export", () => {
    const one = store.get(k_chat_prefix + id);
    if (one) saveFile(`${one.title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40) || "chat"}.md`, asMarkdown(one));
  });
  const remove = iconButton("bin", "Delete", () => deleteConversations([id]));
  save.classList.add("save");
  remove.classList.add("delete");
  return make("li", {}, pick, save, remove);
}

function deleteConversations(ids) {
  const gone = store.list().filter(one => ids.includes(one.id));
  for (const one of gone) store.remove(one.id);
  if (ids.includes(chat.current?.id)) beginChat();
  deleteConversations.gone = gone;
  text($("undo").firstElementChild, gone.length === 1 ? `“${gone[0].title}” was deleted.` : `${plural(gone.length, "conversation")} were deleted.`);
  $("undo").hidden = false;
  showConversations();
  $("undo").querySelector("button").focus();
}

$("undo").querySelector("button").addEventListener("click", () => {
  for (const one of deleteConversations.gone ?? []) store.save(one);
  deleteConversations.gone = [];
  $("undo").hidden = true;
  showConversations();
  $("chat-list").querySelector("button")?.focus();
});

$("delete-all").addEventListener("click", () => deleteConversations(store.list().map(one => one.id)));
addEventListener("storage", () => showConversations());   // another tab's
