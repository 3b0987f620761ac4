// One press, one entry of the browser's history, on every page. Streamlit makes one each time a script writes the address: a page
// that says in it what it shows would have to be left three times. What follows a press without another one belongs to it.
function keepOneEntry() {
  const push = history.pushState.bind(history);
  let pressed = false;
  for (const press of ["pointerdown", "keydown"]) addEventListener(press, () => { pressed = true; }, true);
  addEventListener("popstate", () => { pressed = false; }, true);  // what a page adds to an address come back to is no new one
  history.pushState = (state, title, to) => {
    const another = new URL(to ?? location.href, document.baseURI).pathname !== location.pathname;
    if (another || pressed) push(state, title, to);
    else history.replaceState(state, title, to);
    pressed = false;
  };
}

if (!window.showdownEntries) {
  window.showdownEntries = true;
  keepOneEntry();
}
