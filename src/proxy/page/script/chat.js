
// ---- chat -------------------------------------------------------------------------------------------------------

const chat = {
  current: null,        // the conversation on the page; null: none has begun
  under_way: null,      // ends the answer that comes in
  answer: null,         // that answer
  editing: null,        // the turn that the next message takes the place of
  pictures: [],         // data URLs that go with the next message
  used: null,           // {model, tokens}: what the last answer's conversation took of the context
  tokens: 0,
};

const k_picture_side_max = 1280;

// ---- the turns on the page ----

function turnNode(turn, actions) {
  const mine = turn.role === "user";
  const node = make("div", {class: `turn ${mine ? "mine" : "theirs"}`}, make("span", {class: "unseen"}, mine ? "You:" : "Answer:"));
  if (turn.pictures?.length)
    node.append(make("div", {class: "pictures"}, ...turn.pictures.map(url => make("img", {src: url, alt: "picture that was sent"}))));
  if (turn.thoughts) node.append(thoughtsNode(turn.thoughts, "Thoughts"));
  const said = make("div", {class: "said"});
  if (mine) said.textContent = turn.text;
  else drawMarkdown(said, turn.text);
  node.append(said);
  if (actions) node.append(below(turn));
  return node;
}

function thoughtsNode(words, title) {
  return make("details", {}, make("summary", {class: "soft small"}, title), make("div", {class: "thoughts"}, words));
}

function below(turn) {
  const mine = turn.role === "user";
  const actions = make("span", {class: "actions"}, iconButton("copy", mine ? "Copy the message" : "Copy the answer", button => copy(turn.text, button)));
  if (mine) actions.append(iconButton("alter", "Edit the message", () => edit(turn)));
  else actions.append(iconButton("again", "Answer again", () => regenerate(turn)));
  const node = make("div", {class: "below small"}, actions);
  if (turn.facts) node.append(make("span", {class: "facts"}, factsOf(turn.facts)));
  return node;
}

function factsOf({tokens, speed, first_s, model}) {
  return [known(tokens) ? plural(tokens, "token") : "", known(speed) ? `${rate(speed)} a second` : "",
    known(first_s) ? `first word after ${first_s.toFixed(1)} s` : "", model].filter(Boolean).join(" · ");
}

function showTalk() {
  for (const node of $("turns").querySelectorAll(".turn")) node.remove();
  for (const turn of chat.current?.turns ?? []) addTurn(turn, true);
  showGet();
  showUsed();
  follow(true);
}

function addTurn(turn, actions) {
  $("welcome").hidden = true;
  const node = turnNode(turn, actions);
  $("turns").append(node);
  follow(true);
  return node;
}

// Stays at the end while the reader is there; leaves a reader who scrolled up alone.
function follow(always) {
  const talk = $("talk");
  if (!always && talk.scrollHeight - talk.scrollTop - talk.clientHeight > 120) return;
  if (follow.waiting) return;
  follow.waiting = true;
  requestAnimationFrame(() => {
    follow.waiting = false;
    talk.scrollTop = talk.scrollHeight;
  });
}

new ResizeObserver(() => follow()).observe($("talk"));   // a notice came, or the box has grown

// ---- the answer while it comes in ----

class Answer {
  constructor(model) {
    this.turn = {role: "assistant", text: "", thoughts: ""};
    this.node = addTurn(this.turn, false);
    this.said = this.node.querySelector(".said");
    this.waiting = make("p", {class: "waiting"}, "…");
    this.said.before(this.waiting);
    Object.assign(this, {model, count: 0, began: performance.now(), first: null, ended: false, drawing: false});
    this.clock = setInterval(() => this.wait(), 500);
  }

  // What it waits for, with the seconds.
  wait() {
    const model = modelNamed(this.model);
    const seconds = Math.floor((performance.now() - this.began) / 1000);
    const doing = model && valueOf(model) === "loading"
      ? `Loading ${displayName(model)}${known(model.size_bytes) ? ` (${size(model.size_bytes / k_mib)})` : ""}`
      : $("state").dataset.state === "ready" ? "Reading your message" : "Waiting for llama-server";
    text(this.waiting, seconds ? `${doing} … ${seconds} s` : `${doing} …`);
  }

  take(event) {
    if (event.error) throw new Refused(500, event.error.message ?? "llama-server reported an error.", event.error.type);
    if (event.timings) this.timings = event.timings;
    if (event.usage) this.usage = event.usage;
    const choice = event.choices?.[0];
    if (!choice) return;
    if (choice.finish_reason) [this.ended, this.finish] = [true, choice.finish_reason];
    if (choice.delta?.reasoning_content) this.think(choice.delta.reasoning_content);
    if (choice.delta?.content) this.say(choice.delta.content);
  }

  heard() {
    if (this.first === null) {
      this.first = performance.now();
      clearInterval(this.clock);
      this.waiting.remove();
    }
    this.count += 1;
    chat.tokens += 1;
    follow();
  }

  say(words) {
    this.heard();
    this.turn.text += words;
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.drawing = false;
    drawMarkdown(this.said, this.turn.text);
    follow();
  }

  think(words) {
    if (!this.thoughts) {
      const details = thoughtsNode("", "Thinking …");
      this.thoughts = details.querySelector(".thoughts");
      this.said.before(details);
    }
    this.heard();
    this.turn.thoughts += words;
    this.thoughts.append(words);
  }

  note(words) {
    if (!this.turn.text) this.said.hidden = true;
    this.node.append(make("p", {class: "fault small", role: "alert"}, words));
    follow(true);
  }

  end() {
    clearInterval(this.clock);
    this.waiting.remove();
    this.draw();
    if (this.thoughts) text(this.node.querySelector("summary"), "Thoughts");
    if (!this.count) return;
    const tokens = this.usage?.completion_tokens ?? this.timings?.predicted_n ?? this.count;
    const speed = this.timings?.predicted_per_second ??
      (this.count > 1 ? (this.count - 1) * 1000 / (performance.now() - this.first) : null);
    this.turn.facts = {tokens, speed, first_s: (this.first - this.began) / 1000, model: this.model};
    if (known(this.usage?.prompt_tokens)) chat.used = {model: this.model, tokens: this.usage.prompt_tokens + tokens};
    if (this.finish === "length") this.note(this.cutBecause(tokens));
    if (this.turn.text) this.node.append(below(this.turn));
    else this.node.append(make("div", {class: "below small"}, make("span", {class: "facts"}, factsOf(this.turn.facts))));
    showUsed();
    follow();
  }

  cutBecause(tokens) {
    return known(settings.longest) && tokens >= settings.longest
      ? `The answer was ended at the longest length of your settings, ${plural(settings.longest, "token")}.`
      : "The answer ends here because the model's context is full. Begin a new chat to go on.";
  }
}

// ---- a message and its answer ----

function messagesOf(turns) {
  const content = turn => !turn.pictures?.length ? turn.text : [
    ...turn.pictures.map(url => ({type: "image_url", image_url: {url}})), ...(turn.text ? [{type: "text", text: turn.text}] : [])];
  return [...(settings.system ? [{role: "system", content: settings.system}] : []),
    ...turns.map(turn => ({role: turn.role, content: content(turn)}))];
}

async function send(words, pictures) {
  if (chat.editing) {
    const place = chat.current.turns.indexOf(chat.editing);
    if (place >= 0) chat.current.turns.length = place;
    stopEditing();
    showTalk();
  }
  chat.current ??= newConversation();
  const turn = {role: "user", text: words, ...(pictures.length ? {pictures} : {})};
  chat.current.turns.push(turn);
  chat.current.title ||= titleOf(words);
  showGet();
  await reply(turn, addTurn(turn, true));
}

async function reply(question, node) {
  const conversation = chat.current;
  const model = $("model").value;
  const stop = chat.under_way = new AbortController();
  const answer = chat.answer = new Answer(model);
  showUnderWay();
  announce("Waiting for the answer.");
  try {
    const body = {model, messages: messagesOf(conversation.turns), stream: true, stream_options: {include_usage: true}, ...settings.request()};
    const response = await ask("v1/chat/completions", {body, signal: stop.signal});
    for await (const data of payloads(response.body)) {
      if (data === "[DONE]") { answer.ended = true; break; }
      answer.take(parsed(data));
    }
    if (!answer.ended) answer.note("The answer was cut off: the connection ended before its end.");
    else if (!answer.turn.text) answer.note("The model had nothing to say.");
  } catch (error) {
    if (stop.signal.aborted) answer.note("Stopped.");
    else answer.note(`No ${answer.turn.text ? "further " : ""}answer: ${explained(error, model)}`);
  }
  answer.end();
  finish(conversation, answer, question, node, stop);
}

// A conversation that has outgrown the context is told what to do about it.
function explained(error, model) {
  const words = inWords(error);
  if (error.code !== "exceed_context_size_error" && !/exceeds the available context/.test(words)) return words;
  const tokens = contextOf(modelNamed(model));
  return `this conversation is longer than the model's context${known(tokens) ? ` of ${whole(tokens)} tokens` : ""}. Begin a new chat, or edit an earlier message.`;
}

// A question without any answer goes back into the box, to be sent again.
function finish(conversation, answer, question, node, stop) {
  if (chat.under_way === stop) [chat.under_way, chat.answer] = [null, null];
  if (answer.turn.text) {
    conversation.turns.push(answer.turn);
  } else {
    conversation.turns = conversation.turns.filter(turn => turn !== question);
    node?.querySelector(".below")?.remove();
  }
  keepConversation(conversation);
  showUnderWay();
  if (conversation !== chat.current) return;          // another one was opened meanwhile
  if (answer.turn.text) announce(`Answer: ${answer.turn.text}`);
  else if (!$("prompt").value && !chat.pictures.length) refill(question);
  if (document.activeElement === document.body || document.activeElement === $("stop")) $("prompt").focus();
}

function refill({text: words, pictures}) {
  $("prompt").value = words;
  chat.pictures = pictures ?? [];
  showPictures();
  fitPrompt();
}

function keepConversation(conversation) {
  if (!conversation.turns.length || deleteConversations.gone?.some(one => one.id === conversation.id)) return;
  conversation.at = Date.now();
  store.save(conversation);
  showConversations();
}

function regenerate(turn) {
  const place = chat.current?.turns.indexOf(turn) ?? -1;
  if (place < 1 || chat.under_way) return;
  chat.current.turns.length = place;
  showTalk();
  reply(chat.current.turns[place - 1], $("turns").lastElementChild);
}

function edit(turn) {
  if (chat.under_way) return;
  chat.editing = turn;
  $("editing").hidden = false;
  refill(turn);
  $("prompt").focus();
}

function stopEditing() {
  if (!chat.editing) return;
  chat.editing = null;
  $("editing").hidden = true;
}

// ---- one conversation and another ----

function beginChat() {
  chat.under_way?.abort();
  stopEditing();
  [chat.current, chat.used] = [null, null];
  showTalk();
  $("welcome").hidden = !$("get").hidden;
  showConversations();
}

function openConversation(id) {
  const found = store.get(k_chat_prefix + id);
  if (!found) return showConversations();
  chat.under_way?.abort();
  stopEditing();
  [chat.current, chat.used, get.shown] = [found, null, false];
  showTalk();
  showConversations();
  if (narrow.matches && chatsDrawer.open) chatsDrawer.show(false);
}

function showUnderWay() {
  const busy = Boolean(chat.under_way);
  $("talk").setAttribute("aria-busy", String(busy));
  if (busy && document.activeElement === $("send")) $("prompt").focus();
  $("send").hidden = busy;
  $("stop").hidden = !busy;
}

// How much of the context this conversation takes.
function showUsed() {
  const tokens = contextOf(modelNamed($("model").value));
  const used = chat.current && chat.used?.tokens;
  const full = known(used) && known(tokens) && used > tokens * .9;
  $("used").classList.toggle("warn", Boolean(full));
  text($("used"), !known(tokens) || !known(used) ? "" : `${short(used)} of ${short(tokens)} tokens${full ? ": nearly full, begin a new chat soon" : ""}`);
}

// ---- pictures ----

function showPictureButton() {
  const able = sees(modelNamed($("model").value));
  $("add-picture").hidden = !able;
  if (!able && chat.pictures.length) {
    chat.pictures = [];
    showPictures();
    announce("This model does not see pictures.");
  }
}

function showPictures() {
  $("pictures").hidden = !chat.pictures.length;
  $("pictures").replaceChildren(...chat.pictures.map((url, index) => make("li", {}, make("img", {src: url, alt: `picture ${index + 1}`}),
    iconButton("close", `Remove picture ${index + 1}`, () => {
      chat.pictures.splice(index, 1);
      showPictures();
      $("prompt").focus();
    }))));
}

// Not larger than a model looks at, and as a kind that all of them take.
async function asDataUrl(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, k_picture_side_max / Math.max(picture.width, picture.height));
  const canvas = make("canvas");
  [canvas.width, canvas.height] = [Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale))];
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas.toDataURL("image/jpeg", .88);
}

async function addPictures(files) {
  for (const file of files) {
    if (!file.type.startsWith("image/")) continue;
    try { chat.pictures.push(await asDataUrl(file)); } catch { announce(`${file.name} is no picture that this browser reads.`); }
  }
  showPictures();
  $("prompt").focus();
}

$("add-picture").addEventListener("click", () => $("picture-file").click());
$("picture-file").addEventListener("change", async () => {
  await addPictures([...$("picture-file").files]);
  $("picture-file").value = "";
});
$("prompt").addEventListener("paste", event => {
  const files = [...event.clipboardData?.files ?? []].filter(file => file.type.startsWith("image/"));
  if (!files.length || $("add-picture").hidden) return;
  event.preventDefault();
  addPictures(files);
});
$("pane").addEventListener("dragover", event => { if (!$("add-picture").hidden) event.preventDefault(); });
$("pane").addEventListener("drop", event => {
  if ($("add-picture").hidden || !event.dataTransfer?.files.length) return;
  event.preventDefault();
  addPictures([...event.dataTransfer.files]);
});

// ---- the box ----

function fitPrompt() {
  const box = $("prompt");
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

$("prompt").addEventListener("input", fitPrompt);

$("chat").addEventListener("submit", event => {
  event.preventDefault();
  const words = $("prompt").value.trim();
  if (!(words || chat.pictures.length) || chat.under_way) return;
  const pictures = chat.pictures;
  $("prompt").value = "";
  chat.pictures = [];
  showPictures();
  fitPrompt();
  send(words, pictures);
});

$("prompt").addEventListener("keydown", event => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("chat").requestSubmit();
});

document.addEventListener("keydown", event => {
  if (event.key !== "Escape" || $("settings").open) return;
  const covering = Drawer.all.find(drawer => drawer.open && (narrow.matches || drawer.panel.contains(document.activeElement)));
  if (covering) covering.show(false);
  else if (chat.under_way) chat.under_way.abort();
  else if (chat.editing) cancelEditing();
});

function cancelEditing() {
  stopEditing();
  refill({text: "", pictures: []});
  $("prompt").focus();
}

$("editing").querySelector("button").addEventListener("click", cancelEditing);
$("stop").addEventListener("click", () => chat.under_way?.abort());
$("new-chat").addEventListener("click", () => {
  beginChat();
  $("prompt").focus();
});

// What has come of an answer when the page goes.
addEventListener("pagehide", () => {
  if (chat.current && chat.answer?.turn.text) store.save({...chat.current, turns: [...chat.current.turns, chat.answer.turn]});
});
