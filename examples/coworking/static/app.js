// Sends taps without leaving the page. Without this script the forms work as they are.
"use strict";

function requestID() {
	if (window.crypto && crypto.randomUUID) return crypto.randomUUID();
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

// showResult shows the result of a tap. The box has role=status, so screen readers announce it.
function showResult(card, tone, title, text) {
	const box = card.querySelector(".state");
	const result = document.createElement("div");
	result.className = "result " + tone;
	const head = document.createElement("strong");
	head.textContent = title;
	const body = document.createElement("span");
	body.textContent = text;
	result.append(head, body);
	if (tone === "wait") {
		const bar = document.createElement("i");
		bar.className = "bar";
		result.append(bar);
	}
	box.replaceChildren(result);
	return result;
}

const timers = new WeakMap();

// countdown shows the seconds that are left. Screen readers announce only the start and the end.
function countdown(card, result, seconds) {
	const head = result.querySelector("strong");
	const left = document.createElement("span");
	left.setAttribute("aria-hidden", "true");
	head.append(left);
	const bar = document.createElement("i");
	bar.className = "bar";
	result.append(bar);
	const end = performance.now() + seconds * 1000;
	const step = () => {
		const ms = end - performance.now();
		if (ms <= 0) {
			showResult(card, "done", "Locked again", "The door was open and has locked itself.");
			return;
		}
		left.textContent = " for " + Math.ceil(ms / 1000) + " s";
		bar.style.transform = "scaleX(" + ms / (seconds * 1000) + ")";
		timers.set(card, setTimeout(step, 100));
	};
	step();
}

async function send(form, body) {
	const response = await fetch(form.action, {
		method: "POST", body, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(30000),
	});
	if (response.redirected) { // the session has expired
		location.reload();
		return new Promise(() => {});
	}
	if (!response.headers.get("Content-Type").startsWith("application/json")) throw new Error("not JSON");
	return response.json();
}

async function tap(event) {
	event.preventDefault();
	const form = event.currentTarget;
	const card = form.closest(".key");
	if (card.getAttribute("aria-busy") === "true") return;
	card.setAttribute("aria-busy", "true");
	clearTimeout(timers.get(card));
	const progress = { unlock: "Opening", keep: "Opening", lock: "Locking" }[form.dataset.tap];
	showResult(card, "wait", progress + " …", "One moment, please.");
	// A retry sends the same id, so it cannot open the door twice. It is sent within a few
	// seconds or not at all: later the member may no longer be at the door.
	const body = new URLSearchParams({ request: requestID() });
	const started = performance.now();
	let result;
	for (let tries = 0; !result && tries < 2 && performance.now() - started < 8000; tries++) {
		try {
			result = await send(form, body);
		} catch {
			if (tries === 0) await new Promise((done) => setTimeout(done, 700));
		}
	}
	card.removeAttribute("aria-busy");
	if (!result) {
		showResult(card, "unsure", "Could not confirm", "There was no response. Check the door before you tap again.");
		return;
	}
	const box = showResult(card, result.tone, result.title, result.text);
	if (result.seconds > 0) countdown(card, box, result.seconds);
	else if (result.outcome === "accepted" && form.dataset.tap !== "unlock") {
		const query = new URLSearchParams({ door: card.id.slice(5), request: body.get("request") });
		location.assign("/?" + query);
	}
}

for (const form of document.querySelectorAll("form[data-tap]")) form.addEventListener("submit", tap);
for (const form of document.querySelectorAll("form[data-once]")) {
	form.addEventListener("submit", () => {
		for (const b of form.querySelectorAll("button")) setTimeout(() => { b.disabled = true; });
	});
}
