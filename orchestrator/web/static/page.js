// What pages do beyond links and forms: they follow what happens, and are worked by keys. Without this script all of them still work.
const ticket = document.body.dataset.ticket || "";
const live = document.getElementById("live");
const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Live: pieces that say so are drawn again when something changed; steps are told as they come.
const busy = () => all("[data-refresh] :is(input, textarea)").some((field) => field === document.activeElement || field.value !== field.defaultValue);
// A page nobody looks at waits until somebody does; one that is looked at is drawn at most once a second, steps are told by themselves.
const REFRESH_MS = 1000;
let pending = false;
let wanted = false;

async function refresh() {
  if (pending || document.hidden) { wanted = true; return; }
  if (busy()) { live.textContent = "There is news: load the page again to see it."; return; }
  pending = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const piece of all("[data-refresh]")) {
      const now = fresh.getElementById(piece.id);
      if (now && !busy()) replace(piece, now);
    }
    for (const count of all("[data-count]")) {
      const now = $(`[data-count="${count.dataset.count}"]`, fresh);
      if (now) count.textContent = now.textContent;
    }
    await moreSteps();
  } finally {
    setTimeout(() => { pending = false; if (wanted) { wanted = false; refresh(); } }, REFRESH_MS);
  }
}

function replace(piece, now) {
  const open = all("details[open]", piece).map((each) => all("details", piece).indexOf(each));
  const told = Object.fromEntries(all("[data-step]", piece).map((each) => [each.dataset.step, each.textContent]));
  const focused = piece.contains(document.activeElement) && document.activeElement.getAttribute("href");
  piece.replaceChildren(...now.childNodes);
  const details = all("details", piece);
  for (const at of open) if (details[at]) details[at].open = true;
  for (const each of all("[data-step]", piece)) each.textContent ||= told[each.dataset.step] || "";
  if (focused) $(`a[href="${CSS.escape(focused)}"]`, piece)?.focus();
  select(current, false);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted && !pending) { wanted = false; refresh(); } });

async function moreSteps() {
  const list = $("[data-steps]");
  if (!list) return;
  const closed = all("[data-event]", list).findIndex((each) => each.classList.contains("open"));
  const skip = closed < 0 ? all("[data-event]", list).length : closed;
  const answer = await fetch(`${list.dataset.steps}?skip=${skip}`, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = document.createElement("template");
  fresh.innerHTML = await answer.text();
  for (const old of all("[data-event]", list).slice(skip)) old.remove();
  list.append(fresh.content);
}

if ($("[data-refresh]")) {
  const events = new EventSource(`/api/events${ticket ? `?ticket=${encodeURIComponent(ticket)}` : ""}`);
  events.addEventListener("step", (event) => {
    const told = JSON.parse(event.data);
    const place = $(`[data-step="${CSS.escape(told.ticket)}"]`);
    if (place) { place.textContent = told.text; place.dataset.at = told.at; }
  });
  events.addEventListener("changed", refresh);
  events.addEventListener("behind", refresh);
}

// Keys: one thing of a list is the present one.
const items = () => all("[data-hunk], [data-row]").filter((each) => each.offsetParent !== null);
let current = -1;

function select(at, move = true) {
  const list = items();
  if (!list.length || at < 0) return;
  current = Math.max(0, Math.min(at, list.length - 1));
  for (const each of all(".here")) each.classList.remove("here");
  const chosen = list[current];
  chosen.classList.add("here");
  if (!move) return;
  const target = $(".title", chosen) || chosen;
  target.focus({ preventScroll: true });
  chosen.scrollIntoView({ block: "nearest" });
}

function nextFile(step) {
  const list = items();
  const path = list[Math.max(0, current)]?.dataset.path;
  let at = current;
  while (list[at + step] && list[at + step].dataset.path === path) at += step;
  at += step;
  if (step < 0) while (list[at - 1] && list[at - 1].dataset.path === list[at]?.dataset.path) at -= 1;
  select(Math.max(0, at));
}

function here() { return items()[Math.max(0, current)]; }

function openIn(kind) {
  const details = here() && $(`[data-${kind}]`, here());
  if (!details) return;
  details.open = true;
  $("textarea", details)?.focus();
}

const keys = {
  j: () => select(current + 1),
  k: () => select(Math.max(0, current - 1)),
  n: () => nextFile(1),
  p: () => nextFile(-1),
  x: () => $("[data-keep]", here() ?? document)?.click(),
  c: () => openIn("comment"),
  e: () => openIn("edit"),
  r: () => { const path = here()?.dataset.path; all("[data-file-item]").find((each) => each.dataset.fileItem === path)?.querySelector("button")?.click(); },
  a: () => { const button = $("[data-review]")?.classList.contains("choosing") ? $("[data-part]") : $("[data-accept]"); button?.focus(); button?.scrollIntoView({ block: "center" }); },
  s: () => $("[data-toggle]")?.click(),
  v: () => $("a.primary[href$='/review']")?.click(),
  b: () => { location.href = "/"; },
  "/": () => $("#words")?.focus(),
  "?": () => $("#help")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});

// Review: what is chosen, what is edited, what was read.
const review = $("[data-review]");
function choosing() {
  if (!review) return;
  const out = all("[data-keep]").some((each) => !each.checked) || all("[data-edit] textarea").some((each) => !each.disabled);
  review.classList.toggle("choosing", out);
  const some = $("[data-some]");
  if (some) some.hidden = !out;
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-keep]")) return;
  event.target.closest(".hunk")?.classList.toggle("out", !event.target.checked);
  choosing();
});

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-edit] textarea")) choosing();
});

for (const details of all("[data-edit]")) {
  details.addEventListener("toggle", () => {
    for (const field of all("input, textarea", details)) field.disabled = !details.open;
    choosing();
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-read]")) return;
  event.preventDefault();
  const done = form.elements.done.value === "true";
  const answer = await fetch(form.action, { method: "post", body: new URLSearchParams(new FormData(form)), redirect: "manual" });
  if (answer.type !== "opaqueredirect" && !answer.ok) { live.textContent = "That could not be kept: load the page again."; return; }
  form.elements.done.value = String(!done);
  $("button", form).setAttribute("aria-pressed", String(done));
  form.closest("li").classList.toggle("done", done);
  $("[data-left]").textContent = all("[data-file-item]:not(.done)").length;
});

// Files can be dropped anywhere on the box that takes them.
for (const box of all(".drop")) {
  const field = $("input", box);
  for (const kind of ["dragenter", "dragover"]) box.addEventListener(kind, (event) => { event.preventDefault(); box.classList.add("over"); });
  box.addEventListener("dragleave", () => box.classList.remove("over"));
  box.addEventListener("drop", (event) => { event.preventDefault(); box.classList.remove("over"); field.files = event.dataTransfer.files; });
}

choosing();
