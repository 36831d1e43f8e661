"use strict";
// The pages work without this file. It copies a line, and follows a "Refresh now" without a reload.

function copyText(source, done) {
  const text = source.textContent;
  const fall_back = () => {
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    // Clipboard access needs https or this machine; the old way works elsewhere.
    done(document.execCommand("copy"));
  };
  if (!navigator.clipboard) return fall_back();
  navigator.clipboard.writeText(text).then(() => done(true), fall_back);
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) continue;
  const word = button.textContent;
  button.hidden = false;
  button.addEventListener("click", () => {
    copyText(source, (worked) => {
      button.textContent = worked ? "✓ Copied" : "Selected: press Ctrl+C";
      setTimeout(() => { button.textContent = word; }, 3000);
    });
  });
}

// A menu that is open closes when somebody goes on elsewhere.
for (const menu of document.querySelectorAll("details.menu")) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

async function follow(place) {
  // Ten minutes of asking each second, then each ten: an answer may wait for a sleeping device.
  for (let asked = 0; asked < 900; asked += 1) {
    await new Promise((go_on) => setTimeout(go_on, asked < 600 ? 1000 : 10000));
    let answer;
    try {
      answer = await fetch(place.dataset.progress, { credentials: "same-origin", redirect: "error" });
    } catch {
      continue; // the console restarts, or the network is away
    }
    if (!answer.ok) return;
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(...parsed.body.childNodes);
    if (place.querySelector("[data-done]")) {
      window.location.reload();
      return;
    }
  }
}

for (const place of document.querySelectorAll("[data-progress]:not([data-finished])")) follow(place);
