
// ---- requests and tokens as they happen -------------------------------------------------------------------------

class Plot {
  constructor(name, title) {
    [this.name, this.title, this.points] = [name, title, []];
    const svg = $(`${name}-plot`);
    this.area = svg.appendChild(document.createElementNS(k_svg, "polygon"));
    this.line = svg.appendChild(document.createElementNS(k_svg, "polyline"));
  }

  add(value) {
    const now = Date.now();
    this.points = [...this.points.filter(point => now - point.at < k_plot_span_ms), {at: now, value}];
    const top = Math.max(1, ...this.points.map(point => point.value));
    const drawn = this.points.map(point => `${(120 - (now - point.at) * 120 / k_plot_span_ms).toFixed(1)},${(38 - 34 * point.value / top).toFixed(1)}`);
    this.line.setAttribute("points", drawn.join(" "));
    this.area.setAttribute("points", `${drawn[0].split(",")[0]},40 ${drawn.join(" ")} 120,40`);
    const highest = Math.max(...this.points.map(point => point.value));
    text($(`${this.name}-now`), rate(value));
    text($(`${this.name}-top`), `highest ${rate(highest)}`);
    $(`${this.name}-plot`).setAttribute("aria-label",
      `${this.title} in the last two minutes: now ${rate(value)}, highest ${rate(highest)}`);
  }
}

const plots = {requests: new Plot("requests", "Requests a second"), tokens: new Plot("tokens", "Tokens a second")};

// A counter that only grows becomes a rate, the mean over `span_ms`; one that starts again (odysseus did) begins a new one.
class Rate {
  constructor(span_ms = 0) { [this.span_ms, this.counts] = [span_ms, []]; }

  take(total) {
    const now = performance.now();
    if (this.counts.length && total < this.counts.at(-1).total) this.counts = [];
    while (this.counts.length > 1 && now - this.counts[1].at >= this.span_ms) this.counts.shift();
    this.counts.push({total, at: now});
    const first = this.counts[0];
    return now > first.at ? (total - first.total) * 1000 / (now - first.at) : 0;
  }
}

// llama-server tells every three seconds how far a long answer has come.
const rates = {requests: new Rate(), tokens: new Rate(4000), chat: new Rate()};

function showActivity(status) {
  const requests = status.requests ?? {};
  if (known(requests.total)) plots.requests.add(rates.requests.take(requests.total));
  const ownRate = rates.chat.take(chat.tokens);
  const counted = known(status.throughput?.tokens_total);
  const allRate = rates.tokens.take(status.throughput?.tokens_total ?? 0);
  plots.tokens.add(counted ? Math.max(allRate, ownRate) : ownRate); // its own are known at once
  text($("counts"), [
    known(requests.total) ? plural(requests.total, "request") : "",
    known(requests.active) ? `${whole(requests.active)} under way` : "",
    requests.replayed ? `${whole(requests.replayed)} sent again after a memory failure` : "",
    counted ? `${whole(status.throughput.tokens_total)} tokens` : "",
    status.restarts ? plural(status.restarts, "unplanned restart") : "",
    counted ? "" : "tokens of this page's chat",
  ].filter(Boolean).join(" · "));
}

// ---- log --------------------------------------------------------------------------------------------------------

const log = {after: 0, lines: [], offered: true, running: false};

async function refreshLog() {
  if (!log.offered || log.running) return;
  log.running = true;
  try {
    const answer = await (await ask(`odysseus/log?after=${log.after}`)).json();
    showLog(answer);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) log.offered = false;
  }
  $("log-card").hidden = !log.offered || !log.lines.length;
  showLastError();
  log.running = false;
}

function showLog(answer) {
  if (known(answer.next)) log.after = answer.next;
  if (!Array.isArray(answer.lines) || !answer.lines.length) return;
  const plain = answer.lines.map(line => String(line).replace(/\x1b\[[0-9;]*[A-Za-z]/g, ""));
  log.lines = [...log.lines, ...plain].slice(-k_log_lines);
  const view = $("log");
  $("log-card").hidden = false;
  view.textContent = log.lines.join("\n");
  if ($("log-follow").checked) view.scrollTop = view.scrollHeight;
}
