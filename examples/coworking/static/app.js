// Taps without leaving the page. Without this file every form works as it is.
"use strict";

function requestID() {
	if (window.crypto && crypto.randomUUID) return crypto.randomUUID();
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

// tell shows one state of a door; role=status makes a screen reader say it.
function tell(card, tone, title, text) {
	const box = card.querySelector(".state");
	const said = document.createElement("div");
	said.className = "said " + tone;
	const head = document.createElement("strong");
	head.textContent = title;
	const body = document.createElement("span");
	body.textContent = text;
	said.append(head, body);
	if (tone === "wait") {
		const bar = document.createElement("i");
		bar.className = "bar";
		said.append(bar);
	}
	box.replaceChildren(said);
	return said;
}

const counting = new WeakMap();

// countdown counts for the eye; a screen reader hears the beginning and the end.
function countdown(card, said, seconds) {
	const head = said.querySelector("strong");
	const left = document.createElement("span");
	left.setAttribute("aria-hidden", "true");
	head.append(left);
	const bar = document.createElement("i");
	bar.className = "bar";
	said.append(bar);
	const end = performance.now() + seconds * 1000;
	const step = () => {
		const ms = end - performance.now();
		if (ms <= 0) {
			tell(card, "done", "Locked again", "The door has locked itself.");
			return;
		}
		left.textContent = " for " + Math.ceil(ms / 1000) + " s";
		bar.style.transform = "scaleX(" + ms / (seconds * 1000) + ")";
		counting.set(card, setTimeout(step, 100));
	};
	step();
}

async function send(form, body) {
	const answer = await fetch(form.action, {
		method: "POST", body, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(30000),
	});
	if (answer.redirected) { // the session is over
		location.reload();
		return new Promise(() => {});
	}
	if (!answer.headers.get("Content-Type").startsWith("application/json")) throw new Error("no answer");
	return answer.json();
}

async function tap(event) {
	event.preventDefault();
	const form = event.currentTarget;
	const card = form.closest(".key");
	if (card.getAttribute("aria-busy") === "true") return;
	card.setAttribute("aria-busy", "true");
	clearTimeout(counting.get(card));
	const doing = { unlock: "Opening", keep: "Opening", lock: "Locking" }[form.dataset.tap];
	tell(card, "wait", doing + " …", "One moment.");
	// One tap, one id: a second try of the same tap can never open twice. And only
	// at once: later, the door would open when nobody stands there any more.
	const body = new URLSearchParams({ request: requestID() });
	const began = performance.now();
	let said;
	for (let tries = 0; !said && tries < 2 && performance.now() - began < 8000; tries++) {
		try {
			said = await send(form, body);
		} catch {
			if (tries === 0) await new Promise((done) => setTimeout(done, 700));
		}
	}
	card.removeAttribute("aria-busy");
	if (!said) {
		tell(card, "unsure", "Could not confirm", "No answer came. Look at the door before you tap again.");
		return;
	}
	const box = tell(card, said.tone, said.title, said.text);
	if (said.seconds > 0) countdown(card, box, said.seconds);
	else if (said.outcome === "accepted" && form.dataset.tap !== "unlock") {
		location.assign("/?door=" + encodeURIComponent(card.id.slice(5)) + "&request=" + encodeURIComponent(body.get("request")));
	}
}

for (const form of document.querySelectorAll("form[data-tap]")) form.addEventListener("submit", tap);
for (const form of document.querySelectorAll("form[data-once]")) {
	form.addEventListener("submit", () => { for (const b of form.querySelectorAll("button")) setTimeout(() => { b.disabled = true; }); });
}
