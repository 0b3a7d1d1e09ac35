// The live page. It puts the fragments that the server renders where they belong
// and sends forms without leaving the page; without it the page still works.
"use strict";

const maxPaths = 50; // as in pages.go

const byId = (id) => document.getElementById(id);

/** Makes an element of a fragment. */
function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

/** Makes what a fragment of several elements holds. */
function elements(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.childNodes;
}

/** The composer's field of a phone. */
function textOf(phone) {
  return phone.querySelector(".composer textarea");
}

/** Does a change to a chat, and stays at its end when it was there. */
function scrolling(chat, change) {
  const box = byId("chat-" + chat)?.querySelector(".scroll");
  if (!box) return;
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  change(box);
  if (atEnd) box.scrollTop = box.scrollHeight;
}

/** Replaces what is inside, and keeps open what was open. */
function refill(place, html) {
  const open = [...place.querySelectorAll("details[open]")].map((d) => d.id);
  const focused = place.contains(document.activeElement) && document.activeElement.closest("[id]")?.id;
  place.innerHTML = html;
  for (const id of open) if (byId(id)) byId(id).open = true;
  if (focused && focused !== place.id) (byId(focused)?.querySelector("summary") ?? byId(focused))?.focus();
}

const handlers = {
  sync({ chat, ids }) {
    const known = new Set(ids);
    scrolling(chat, (box) => {
      for (const b of box.querySelectorAll("[data-bubble]")) if (!known.has(b.dataset.bubble)) b.remove();
      box.querySelector(".typing-place").replaceChildren();
    });
  },
  bubble({ chat, id, after, html }) {
    scrolling(chat, (box) => {
      const fresh = element(html);
      const old = byId("b-" + chat + "-" + id);
      if (!old) {
        fresh.classList.add("new");
        const before = after && byId("b-" + chat + "-" + after);
        if (before) before.after(fresh);
        else if (after) box.querySelector(".bubbles").append(fresh);
        else box.querySelector(".bubbles").prepend(fresh);
        return;
      }
      old.classList.remove("new");
      if (old.isEqualNode(fresh)) return;
      // A press usually changes the bubble it was made in: stay near it.
      const focused = old.contains(document.activeElement);
      for (const d of old.querySelectorAll("details[open]")) fresh.querySelector("#" + d.id)?.setAttribute("open", "");
      old.replaceWith(fresh);
      if (focused) (fresh.querySelector("button") ?? textOf(fresh.closest(".phone"))).focus();
    });
  },
  removed({ chat, id }) {
    scrolling(chat, () => byId("b-" + chat + "-" + id)?.remove());
  },
  typing({ chat, html }) {
    scrolling(chat, (box) => {
      const place = box.querySelector(".typing-place");
      if (html) place.replaceChildren(element(html));
      else place.replaceChildren();
    });
  },
  path({ id, html }) {
    const list = byId("path-list");
    if (!list) return;
    const old = byId("path-" + id);
    const fresh = element(html);
    if (!old) {
      list.prepend(fresh);
      while (list.children.length > maxPaths) list.lastElementChild.remove();
      return;
    }
    const focused = old.contains(document.activeElement);
    fresh.querySelector("details").open = old.querySelector("details").open;
    old.replaceWith(fresh);
    if (focused) fresh.querySelector("summary").focus();
  },
  notes({ id, html = "" }) { byId("notes-" + id)?.replaceChildren(...elements(html)); },
  link({ id, html = "" }) {
    const place = byId("link-" + id);
    if (!place) return;
    const focused = place.contains(document.activeElement);
    place.innerHTML = html;
    if (focused) (place.querySelector("button") ?? textOf(place.closest(".phone"))).focus();
  },
  health({ id, html = "" }) { byId("health-" + id)?.replaceChildren(...elements(html)); },
  status({ html }) { refill(byId("status"), html); },
  hub({ html }) { if (byId("hub")) refill(byId("hub"), html); },
};

/** Tells in the head of the page whether it is live. */
function tell(text, state) {
  const live = byId("live");
  live.hidden = false;
  live.textContent = text;
  live.className = "live " + state;
}

let events;

function listen() {
  events = new EventSource("/events");
  events.onopen = () => tell("live", "on");
  events.onerror = () => {
    tell("reconnecting", "off");
    // A browser gives up after an answer that is no stream; the hub may be starting.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
  for (const [name, handle] of Object.entries(handlers)) {
    events.addEventListener(name, (e) => handle(JSON.parse(e.data)));
  }
}

/** Sends a form where its button says; text and error belong to its composer. */
async function send(form, button) {
  const action = button?.getAttribute("formaction");
  const sends = !action || button.hasAttribute("data-sends");
  const text = form.elements.namedItem("text");
  const file = form.elements.namedItem("file");
  const said = text.value;
  const chosen = file.files.length > 0;
  if (!action && !chosen && said.trim() === "") return;
  const body = new FormData(form);
  if (!chosen || !sends) body.delete("file");
  if (sends) clear(form);
  const problem = await post(action ?? form.getAttribute("action"), body);
  byId("error-" + form.elements.namedItem("phone").value).textContent = problem;
  if (problem === "" || !sends || text.value !== "") return;
  text.value = said;
  grow(text);
}

/** Posts a form; gives what went wrong, in words. */
async function post(action, body) {
  try {
    const answer = await fetch(action, { method: "POST", body, headers: { Accept: "text/plain" } });
    return answer.ok ? "" : await answer.text();
  } catch {
    return "The hub cannot be reached.";
  }
}

/** Empties a composer. */
function clear(form) {
  const text = form.elements.namedItem("text");
  text.value = "";
  grow(text);
  form.elements.namedItem("file").value = "";
  form.querySelector(".attach").open = false;
  answer(form, "", "");
}

/** Notes which bubble a composer answers; none with an empty id. */
function answer(form, id, words) {
  const line = form.querySelector(".answering");
  form.elements.namedItem("reply").value = id;
  line.hidden = id === "";
  line.firstElementChild.textContent = words;
}

/** Makes a composer as high as its text. */
function grow(text) {
  text.rows = Math.min(6, text.value.split("\n").length);
}

/** In an empty composer the left and right arrow keys go to the neighbouring phone. */
function neighbour(text, step) {
  const all = [...document.querySelectorAll(".composer textarea")].filter((t) => t.checkVisibility());
  return all[all.indexOf(text) + step];
}

document.addEventListener("submit", (e) => {
  if (e.target.matches(".composer")) {
    e.preventDefault();
    send(e.target, e.submitter);
  } else if (e.target.matches(".troubles")) {
    e.preventDefault();
    const body = new URLSearchParams({ fault: e.submitter.value });
    post("/trouble", body).then((problem) => { byId("desk-error").textContent = problem; });
  }
});

document.addEventListener("keydown", (e) => {
  if (e.key === "Escape") for (const d of document.querySelectorAll(".attach[open]")) {
    d.open = false;
    d.querySelector("summary").focus();
  }
  if (!e.target.matches(".composer textarea") || e.isComposing) return;
  if (e.key === "Enter" && !e.shiftKey) {
    e.preventDefault();
    send(e.target.form, null);
  } else if (e.target.value === "" && (e.key === "ArrowLeft" || e.key === "ArrowRight")) {
    const next = neighbour(e.target, e.key === "ArrowLeft" ? -1 : 1);
    if (next) { e.preventDefault(); next.focus(); }
  }
});

// The Enter that followed a link into the composer must not leave a line there.
document.addEventListener("beforeinput", (e) => {
  if (e.target.matches(".composer textarea") && e.target.value === "" && e.inputType === "insertLineBreak") e.preventDefault();
});

document.addEventListener("input", (e) => {
  if (e.target.matches(".composer textarea")) grow(e.target);
});

document.addEventListener("change", (e) => {
  if (e.target.matches("#everybody input")) {
    for (const as of document.querySelectorAll('.who input[value="' + CSS.escape(e.target.value) + '"]')) as.checked = true;
  } else if (e.target.matches(".composer input[type=file]") && e.target.files.length > 0) {
    send(e.target.form, null);
  }
  if (e.target.matches("#everybody input, .who input, .places input, .tabs input, .modes input")) toEnds();
});

document.addEventListener("click", (e) => {
  for (const d of document.querySelectorAll(".attach[open]")) if (!d.contains(e.target)) d.open = false;
  const act = e.target.closest(".acts .answer");
  if (act) {
    const bubble = act.closest(".bubble");
    const words = bubble.querySelector(".text").textContent.trim();
    answer(byId(act.dataset.form), bubble.dataset.bubble, words || "this message");
    byId(act.dataset.form).elements.namedItem("text").focus();
  }
  const stop = e.target.closest(".answering button");
  if (stop) answer(stop.form, "", "");
});

/** A chat that comes into sight shows its end. */
function toEnds() {
  for (const box of document.querySelectorAll(".scroll")) box.scrollTop = box.scrollHeight;
}

// A picture that arrives makes its bubble higher: what showed the end shows it still.
document.addEventListener("load", (e) => {
  const box = e.target.closest?.(".scroll");
  if (box && box.scrollHeight - box.scrollTop - box.clientHeight < e.target.clientHeight + 120) box.scrollTop = box.scrollHeight;
}, true);

// Leaving the page must not look like a failure.
addEventListener("pagehide", () => events.close());
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });

document.documentElement.classList.add("scripted");
if (byId("everybody")) byId("everybody").hidden = false;
toEnds();
listen();
