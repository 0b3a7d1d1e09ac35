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
  bubble({ chat, id, html }) {
    scrolling(chat, (box) => {
      const fresh = element(html);
      const old = byId("b-" + chat + "-" + id);
      if (!old) {
        fresh.classList.add("new");
        box.querySelector(".bubbles").append(fresh);
        return;
      }
      old.classList.remove("new");
      if (old.isEqualNode(fresh)) return;
      // A press usually changes the bubble it was made in: stay near it.
      const focused = old.contains(document.activeElement);
      old.replaceWith(fresh);
      if (focused) (fresh.querySelector("button") ?? byId("composer-" + chat).elements.namedItem("text")).focus();
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
  const press = button?.hasAttribute("formaction");
  const text = form.elements.namedItem("text");
  const error = form.querySelector(".error");
  const said = text.value;
  if (!press && said.trim() === "") return;
  const body = new URLSearchParams(new FormData(form));
  if (!press) { text.value = ""; grow(text); }
  error.textContent = "";
  let problem = "";
  try {
    const answer = await fetch(press ? button.getAttribute("formaction") : form.action, {
      method: "POST", body, headers: { Accept: "text/plain" },
    });
    if (!answer.ok) problem = await answer.text();
  } catch {
    problem = "The hub cannot be reached.";
  }
  if (problem === "") return;
  error.textContent = problem;
  if (!press && text.value === "") { text.value = said; grow(text); }
}

/** Makes a composer as high as its text. */
function grow(text) {
  text.rows = Math.min(6, text.value.split("\n").length);
}

/** In an empty composer the left and right arrow keys go to the neighbouring chat. */
function neighbour(text, step) {
  const all = [...document.querySelectorAll(".composer textarea")];
  return all[all.indexOf(text) + step];
}

document.addEventListener("submit", (e) => {
  if (!e.target.matches(".composer")) return;
  e.preventDefault();
  send(e.target, e.submitter);
});

document.addEventListener("keydown", (e) => {
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

// Leaving the page must not look like a failure.
addEventListener("pagehide", () => events.close());
addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });

for (const box of document.querySelectorAll(".scroll")) box.scrollTop = box.scrollHeight;
listen();
