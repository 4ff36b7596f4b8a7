
// ---- chat settings ----------------------------------------------------------------------------------------------

const settings = {
  ...{system: "", temperature: null, longest: null}, ...store.get("odysseus.settings"),

  // What a request carries of them.
  request() {
    return {...(known(this.temperature) ? {temperature: this.temperature} : {}), ...(known(this.longest) ? {max_tokens: this.longest} : {})};
  },
};

function showSettings() {
  $("set-system").value = settings.system ?? "";
  $("set-temperature").value = settings.temperature ?? "";
  $("set-longest").value = settings.longest ?? "";
  noteSettings();
}

function noteSettings() {
  const changed = Boolean(settings.system) || known(settings.temperature) || known(settings.longest);
  $("open-settings").toggleAttribute("data-changed", changed);
  $("open-settings").setAttribute("aria-label", changed ? "Chat settings (changed)" : "Chat settings");
}

// A number that is none, or out of its range, counts as not set.
function numberIn(input) {
  return input.value !== "" && input.validity.valid ? Number(input.value) : null;
}

function readSettings() {
  settings.system = $("set-system").value.trim();
  settings.temperature = numberIn($("set-temperature"));
  settings.longest = numberIn($("set-longest"));
  store.set("odysseus.settings", {system: settings.system, temperature: settings.temperature, longest: settings.longest});
  noteSettings();
}

$("open-settings").addEventListener("click", () => {
  showSettings();
  $("settings").showModal();
});
$("settings").addEventListener("input", readSettings);
$("set-default").addEventListener("click", () => {
  for (const id of ["set-system", "set-temperature", "set-longest"]) $(id).value = "";
  readSettings();
});
