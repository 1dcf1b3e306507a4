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

async function send(door, action, body) {
	const response = await fetch("/api/doors/" + encodeURIComponent(door) + "/" + action, {
		method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal: AbortSignal.timeout(30000),
	});
	if (response.status === 401) { // the session has expired
		location.reload();
		return new Promise(() => {});
	}
	const answer = await response.json();
	if (response.ok) return answer; // a receipt
	if (response.status >= 500) throw new Error(answer.code);
	return { outcome: "not_sent", action, message: answer.message }; // nothing was decided
}

// result is what the page shows for a receipt, as the template "receipt" does.
function result(receipt) {
	const lock = receipt.action === "lock";
	if (receipt.outcome === "unconfirmed") return ["unsure", "Could not confirm", receipt.message];
	if (receipt.outcome !== "accepted") return ["no", lock ? "Not locked" : "Not opened", receipt.message];
	if (lock) return ["done", "Locked", receipt.message];
	if (receipt.action !== "unlock") return ["open", "Kept open", receipt.message];
	return ["open", "Open", receipt.message + " It will lock itself."];
}

async function tap(event) {
	event.preventDefault();
	const form = event.currentTarget;
	const card = form.closest(".key");
	if (card.getAttribute("aria-busy") === "true") return;
	card.setAttribute("aria-busy", "true");
	clearTimeout(timers.get(card));
	const door = card.id.slice(5), action = form.dataset.tap, id = requestID();
	showResult(card, "wait", action === "lock" ? "Locking …" : "Opening …", "One moment, please.");
	// A retry sends the same id, so it cannot open the door twice. It is sent within a few
	// seconds or not at all: later the member may no longer be at the door.
	const started = performance.now();
	let receipt;
	for (let tries = 0; !receipt && tries < 2 && performance.now() - started < 8000; tries++) {
		try {
			receipt = await send(door, action, { request_id: id, tapped_ago_ms: Math.round(performance.now() - started) });
		} catch {
			if (tries === 0) await new Promise((done) => setTimeout(done, 700));
		}
	}
	card.removeAttribute("aria-busy");
	if (!receipt) {
		showResult(card, "unsure", "Could not confirm", "There was no response. Check the door before you tap again.");
		return;
	}
	const box = showResult(card, ...result(receipt));
	if (receipt.outcome === "unconfirmed") settle(card, box, id);
	else if (receipt.outcome === "accepted" && action !== "unlock") location.assign("/?" + new URLSearchParams({ request: id }));
	else if (receipt.relock_at) countdown(card, box, Math.round((Date.parse(receipt.relock_at) - Date.parse(receipt.at)) / 1000));
}

// settle waits until SALTO's log shows that the door has opened. It may never do so.
async function settle(card, box, id) {
	try {
		const response = await fetch("/api/receipts/" + encodeURIComponent(id) + "?wait=25");
		const receipt = await response.json();
		if (response.ok && receipt.outcome !== "unconfirmed" && box.isConnected) showResult(card, ...result(receipt));
	} catch { /* the page shows that it is not confirmed */ }
}

for (const form of document.querySelectorAll("form[data-tap]")) form.addEventListener("submit", tap);
for (const form of document.querySelectorAll("form[data-once]")) {
	form.addEventListener("submit", () => {
		for (const b of form.querySelectorAll("button")) setTimeout(() => { b.disabled = true; });
	});
}

// A form that is shown again begins at the field that is wrong.
document.querySelector("[aria-invalid]")?.focus();

// The overview is kept open: it is read again every minute, unless a person is typing.
if (document.querySelector("[data-refresh]")) setInterval(async () => {
	if (document.hidden || document.activeElement.matches("input")) return;
	try {
		const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
		if (page.querySelector("[data-refresh]")) document.querySelector("main").replaceWith(page.querySelector("main"));
	} catch { /* the next minute */ }
}, 60_000);
