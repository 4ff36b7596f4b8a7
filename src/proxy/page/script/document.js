
// Whatever comes from odysseus or a model becomes text nodes, never markup. Fields that are missing or null are
// "not known" and leave their part of the page out: this page may meet an older or a newer odysseus.
// The files of this folder are put one after the other (src/CMakeLists.txt) and share one module scope.

const k_poll_ms = 1000;
const k_models_every = 3;            // turns of the poll; every turn while a model is being loaded
const k_backoff_ms = [1000, 2000, 4000, 8000];
const k_answer_limit_ms = 8000;      // for a status; not for a chat
const k_plot_span_ms = 120000;
const k_log_lines = 400;
const k_ladder = [32768, 24576, 16384, 12288, 8192, 4096, 2048];
const k_mib = 1024 * 1024;
const k_toy = "odysseus-toy";

// Works below a prefix of a reverse proxy too.
const base = new URL(location.pathname.replace(/odysseus\/?$/, ""), location.origin);

// ---- the document -----------------------------------------------------------------------------------------------

const $ = id => document.getElementById(id);
const k_svg = "http://www.w3.org/2000/svg";

function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function icon(name) {
  const svg = document.createElementNS(k_svg, "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.appendChild(document.createElementNS(k_svg, "use")).setAttribute("href", `#i-${name}`);
  return svg;
}

function iconButton(name, label, action) {
  const button = make("button", {type: "button", class: "icon", "aria-label": label, title: label}, icon(name));
  button.addEventListener("click", () => action(button));
  return button;
}

// One child of `list` for each item, in their order. A child that stays is updated, not rebuilt: focus survives.
function keep(list, items, key, create, update) {
  const old = new Map([...list.children].map(node => [node.dataset.key, node]));
  items.forEach((item, index) => {
    const node = old.get(key(item)) ?? create(item);
    old.delete(key(item));
    node.dataset.key = key(item);
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
    update(node, item);
  });
  while (list.children.length > items.length) list.lastElementChild.remove();
}

function announce(words) {
  $("announce").textContent = words;
}

// The clipboard's own interface is for https and loopback alone; a page of the local network has the old way.
async function copy(words, button) {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    const box = make("textarea", {class: "unseen"});
    box.value = words;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
    button.focus();
  }
  announce("Copied.");
  const label = button.querySelector("svg") ? null : button.textContent;
  if (label && label !== "Copied") {
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  }
}

function saveFile(name, words) {
  const url = URL.createObjectURL(new Blob([words], {type: "text/plain"}));
  make("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// ---- drawers: beside the chat where there is room, over it where there is not ------------------------------------

const narrow = matchMedia("(max-width: 61.99rem)");

class Drawer {
  constructor(id, opener, changed = () => {}) {
    [this.panel, this.opener, this.changed] = [$(id), $(opener), changed];
    this.opener.addEventListener("click", () => this.show(this.panel.hidden));
    this.panel.querySelector(".close").addEventListener("click", () => this.show(false));
    narrow.addEventListener("change", () => this.cover());
    Drawer.all.push(this);
  }

  get open() { return !this.panel.hidden; }

  show(open) {
    if (open && narrow.matches) for (const other of Drawer.all) if (other !== this && other.open) other.show(false);
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    this.cover();
    (open ? this.panel.querySelector(".close") : this.opener).focus();
    this.changed(open);
  }

  // What is covered cannot be reached by the keyboard either.
  cover() {
    const covered = narrow.matches && Drawer.all.some(drawer => drawer.open);
    document.querySelector("main").classList.toggle("covered", covered);
    for (const part of [...document.querySelectorAll("header > :not(h1)"), $("pane")]) part.inert = covered;
  }
}
Drawer.all = [];

document.querySelector("main").addEventListener("click", event => {
  if (event.target === event.currentTarget && narrow.matches) for (const drawer of Drawer.all) if (drawer.open) drawer.show(false);
});

// ---- numbers as words -------------------------------------------------------------------------------------------

const known = value => typeof value === "number" && Number.isFinite(value);
const whole = value => Math.round(value).toLocaleString("en");
const rate = value => value >= 10 || value === 0 ? whole(value) : value.toFixed(1);
const plural = (count, one, more = `${one}s`) => `${whole(count)} ${count === 1 ? one : more}`;

// 8,192 → 8k; a context is a power of two, or is read as one.
function short(tokens) {
  if (tokens < 1000) return whole(tokens);
  const unit = tokens % 1024 === 0 ? 1024 : 1000;
  return tokens < 10000 && tokens % unit ? `${(tokens / unit).toFixed(1)}k` : `${Math.round(tokens / unit)}k`;
}

function size(mib) {
  if (mib >= 1024) return `${(mib / 1024).toFixed(1)} GiB`;
  return mib >= 10 ? `${whole(mib)} MiB` : `${mib.toFixed(1)} MiB`;
}

function duration(seconds) {
  const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min` : `${Math.floor(seconds)} s`;
}
