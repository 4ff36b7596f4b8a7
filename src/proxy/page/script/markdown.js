
// ---- Markdown, as nodes -----------------------------------------------------------------------------------------
// The part of it that models write: paragraphs, headings, lists, tables, quotations, rules, code, emphasis and links.
// Markup of a page stays text, and a picture becomes a link: nothing is fetched that nobody asked for.

const k_inline_max = 20000;          // a longer paragraph stays as it is
const k_nested_max = 8;

// The blocks of a text: {kind, raw, …}. While an answer comes in, only the last ones change.
function blocksOf(words) {
  const rows = words.replace(/\r\n?/g, "\n").replaceAll("\t", "    ").split("\n");
  const blocks = [];
  for (let at = 0; at < rows.length;) {
    const begin = at;
    const row = rows[at];
    let block;
    if (!row.trim()) { at += 1; continue; }
    if (/^ {0,3}(`{3,}[^`]*|~{3,}.*)$/.test(row)) [block, at] = fencedAt(rows, at);
    else if (/^ {0,3}#{1,6}(\s|$)/.test(row)) [block, at] = [{kind: "heading"}, at + 1];
    else if (/^ {0,3}([-*_])( *\1){2,} *$/.test(row)) [block, at] = [{kind: "rule"}, at + 1];
    else if (/^ {0,3}>/.test(row)) [block, at] = [{kind: "quote"}, runEnd(rows, at, next => /^ {0,3}>/.test(next))];
    else if (itemOf(row)) [block, at] = [{kind: "list"}, listEnd(rows, at)];
    else if (isTable(rows, at)) [block, at] = [{kind: "table"}, runEnd(rows, at, next => next.includes("|"))];
    else [block, at] = [{kind: "paragraph"}, paragraphEnd(rows, at)];
    block.rows = rows.slice(begin, at);
    block.raw = block.rows.join("\n");
    blocks.push(block);
  }
  return blocks;
}

function fencedAt(rows, at) {
  const [, indent, fence, language] = /^( {0,3})(`{3,}|~{3,})\s*([^\s`]*)/.exec(rows[at]);
  let end = at + 1;
  while (end < rows.length && !isFenceEnd(rows[end], fence)) end += 1;
  const inner = rows.slice(at + 1, end).map(row => row.slice(Math.min(indent.length, row.search(/\S|$/))));
  return [{kind: "code", language, code: inner.join("\n")}, Math.min(end + 1, rows.length)];
}

function isFenceEnd(row, fence) {
  const mark = row.trim();
  return mark.length >= fence.length && mark === fence[0].repeat(mark.length);
}

function runEnd(rows, at, belongs) {
  while (at < rows.length && rows[at].trim() && belongs(rows[at])) at += 1;
  return at;
}

// "- text", "2. text": the mark's width, and the rest.
function itemOf(row) {
  const found = /^( *)([-*+]|\d{1,9}[.)])( +|$)(.*)$/.exec(row);
  if (!found || /^ {0,3}([-*_])( *\1){2,} *$/.test(row)) return null;
  const [, indent, mark, gap, rest] = found;
  return {indent: indent.length, width: indent.length + mark.length + Math.max(1, Math.min(gap.length, 4)), mark, rest};
}

// A list goes on over empty rows as long as what follows belongs to it.
function listEnd(rows, at) {
  const first = itemOf(rows[at]);
  let end = at + 1;
  for (let next = end; next < rows.length; next += 1) {
    const row = rows[next];
    if (!row.trim()) continue;
    const item = itemOf(row);
    const follows = row.search(/\S/) > first.indent + 1 || (item && item.indent <= first.indent + 1 && sameKind(item, first)) ||
      (next === end && !startsBlock(row) && !item);
    if (!follows) break;
    end = next + 1;
  }
  return end;
}

const sameKind = (a, b) => /\d/.test(a.mark) === /\d/.test(b.mark);

function startsBlock(row) {
  return /^ {0,3}(`{3,}|~{3,}|#{1,6}(\s|$)|>)/.test(row) || /^ {0,3}([-*_])( *\1){2,} *$/.test(row);
}

function isTable(rows, at) {
  return rows[at].includes("|") && /^ *\|?( *:?-+:? *\|)+ *(:?-+:? *)?$/.test(rows[at + 1] ?? "");
}

function paragraphEnd(rows, at) {
  let end = at + 1;
  while (end < rows.length && rows[end].trim() && !startsBlock(rows[end]) && !isTable(rows, end) && !itemOf(rows[end])) end += 1;
  return end;
}

// Draws `words` into `node`; blocks that have not changed keep their nodes, and with them a selection.
function drawMarkdown(node, words) {
  const blocks = blocksOf(words);
  blocks.forEach((block, index) => {
    const old = node.children[index];
    if (old?.markdown === block.raw) return;
    const fresh = blockNode(block, 0);
    fresh.markdown = block.raw;
    if (old) old.replaceWith(fresh);
    else node.append(fresh);
  });
  while (node.children.length > blocks.length) node.lastElementChild.remove();
}

function blockNode(block, depth) {
  switch (block.kind) {
  case "code": return codeNode(block);
  case "rule": return make("hr");
  case "heading": return headingNode(block.raw);
  case "quote": return nested("blockquote", block.rows.map(row => row.replace(/^ {0,3}> ?/, "")), depth);
  case "list": return listNode(block.rows, depth);
  case "table": return tableNode(block.rows);
  default: return make("p", {}, ...inlineNodes(block.rows.map(row => row.trimStart()).join("\n")));
  }
}

function nested(tag, rows, depth) {
  const words = rows.join("\n");
  if (depth >= k_nested_max) return make(tag, {}, words);
  const blocks = blocksOf(words);
  // A tight item is its words, without a paragraph around them.
  if (tag === "li" && blocks[0]?.kind === "paragraph" && !/\n\s*\n/.test(words)) {
    const lead = inlineNodes(blocks[0].rows.map(row => row.trimStart()).join("\n"));
    return make(tag, {}, ...lead, ...blocks.slice(1).map(block => blockNode(block, depth + 1)));
  }
  return make(tag, {}, ...blocks.map(block => blockNode(block, depth + 1)));
}

// One level for all: what a model writes skips levels, and readers of headings would stumble over that.
function headingNode(raw) {
  const [, marks, words] = /^ {0,3}(#{1,6})\s*(.*?)(?:\s+#+)?\s*$/.exec(raw);
  return make("h3", {"data-level": String(marks.length)}, ...inlineNodes(words));
}

function listNode(rows, depth) {
  const first = itemOf(rows[0]);
  const list = make(/\d/.test(first.mark) ? "ol" : "ul");
  const number = parseInt(first.mark, 10);
  if (number > 1) list.setAttribute("start", String(number));
  let item = [];
  let width = 0;
  const close = () => { if (item.length) list.append(nested("li", item, depth)); };
  for (const row of rows) {
    const begins = itemOf(row);
    if (begins && begins.indent <= first.indent + 1) {
      close();
      width = begins.width;
      item = [begins.rest.replace(/^\[( |x|X)\] /, (all, mark) => mark === " " ? "☐ " : "☑ ")];
    } else {
      item.push(row.slice(Math.min(width, row.search(/\S|$/))));
    }
  }
  close();
  return list;
}

function tableNode(rows) {
  const cells = row => row.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map(cell => cell.trim().replaceAll("\\|", "|"));
  const [head, , ...rest] = rows.map(cells);
  const line = (tag, row) => make("tr", {}, ...head.map((name, index) => make(tag, {}, ...inlineNodes(row[index] ?? ""))));
  return make("div", {class: "table", tabindex: "0", role: "region", "aria-label": "Table"}, make("table", {},
    make("thead", {}, line("th", head)), make("tbody", {}, ...rest.map(row => line("td", row)))));
}

function codeNode({language, code}) {
  const button = make("button", {type: "button", class: "quiet small"}, "Copy");
  button.addEventListener("click", () => copy(code, button));
  return make("figure", {class: "code"}, make("figcaption", {}, make("span", {}, language || "code"), button),
    make("pre", {tabindex: "0", role: "region", "aria-label": `Code${language ? `, ${language}` : ""}`}, make("code", {}, code)));
}

// ---- within a paragraph ----

const k_inline = [
  [/\\([\\`*_{}[\]()#+\-.!|~<>])/y, found => found[1]],
  [/(`+)([^]*?[^`])\1(?!`)/y, found => make("code", {}, found[2].replace(/^ (.+) $/s, "$1").replaceAll("\n", " "))],
  [/!?\[([^\]]*)\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+"[^"]*")?\s*\)/y, found => linkNode(found[2], found[1] || found[2], found[0])],
  [/<?(https?:\/\/[^\s<>"`]*[^\s<>"`.,;:!?)\]'*_])>?/y, found => linkNode(found[1], found[1], found[0])],
  [/(\*\*|__)(?=\S)([^]*?\S)\1(?![*_])/y, found => make("strong", {}, ...inlineNodes(found[2]))],
  [/~~(?=\S)([^]*?\S)~~/y, found => make("del", {}, ...inlineNodes(found[1]))],
  [/\*(?=[^\s*])([^*]*?[^\s*])\*(?!\*)/y, found => make("em", {}, ...inlineNodes(found[1]))],
  [/_(?=[^\s_])([^_]*?[^\s_])_(?![\w_])/y, found => make("em", {}, ...inlineNodes(found[1]))],
  [/(?: {2,}|\\)?\n/y, () => make("br")],
];

function inlineNodes(words) {
  if (words.length > k_inline_max) return [words];
  const nodes = [];
  let plain = "";
  for (let at = 0; at < words.length;) {
    const found = inlineAt(words, at);
    if (found && typeof found.node !== "string") {
      if (plain) nodes.push(plain);
      plain = "";
      nodes.push(found.node);
    } else {
      plain += found ? found.node : words[at];
    }
    at = found ? found.end : at + 1;
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function inlineAt(words, at) {
  if (!/[\\`![<h*_~ \n]/.test(words[at])) return null;
  if (/[_h]/.test(words[at]) && /\w/.test(words[at - 1] ?? "")) return null;   // within a word: snake_case
  for (const [pattern, node] of k_inline) {
    pattern.lastIndex = at;
    const found = pattern.exec(words);
    if (found) return {node: node(found), end: at + found[0].length};
  }
  return null;
}

// Only what leads to a page or writes a letter; everything else stays as it was written.
function linkNode(target, words, raw) {
  if (!/^(https?:\/\/|mailto:)/i.test(target) || !URL.canParse(target)) return raw;
  return make("a", {href: target, target: "_blank", rel: "noopener noreferrer"}, words);
}
