// The console works without this. It adds what only a script can: a countdown, a copy button, a menu that folds.
"use strict";

// Over plain http a browser has no clipboard for pages: the field can still be selected, and the button stays hidden.
for (const button of navigator.clipboard ? document.querySelectorAll("[data-copy]") : []) {
  const field = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  });
}

for (const place of document.querySelectorAll("[data-until]")) {
  const until = Date.parse(place.dataset.until);
  const tell = () => {
    const seconds = Math.max(0, Math.round((until - Date.now()) / 1000));
    place.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds === 0) {
      clearInterval(timer);
      place.closest(".hold").classList.add("over");
    }
  };
  const timer = setInterval(tell, 1000);
  tell();
}

const menu = document.querySelector(".menu");
if (menu && matchMedia("(max-width: 60rem)").matches) {
  menu.open = false;
}

document.addEventListener("click", (event) => {
  for (const pop of document.querySelectorAll("details.pop[open]")) {
    if (!pop.contains(event.target)) {
      pop.open = false;
    }
  }
});
document.addEventListener("keydown", (event) => {
  const pop = event.key === "Escape" && document.querySelector("details.pop[open]");
  if (pop) {
    pop.open = false;
    pop.querySelector("summary").focus();
  }
});
