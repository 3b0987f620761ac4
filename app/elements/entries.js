// One press, one entry of the browser's history, on every page. Streamlit makes one each time a script writes the address, and on
// the way to another page one of the page that is left with the address of the next: Back would have to be pressed three times.
function keepOneEntry() {
  const push = history.pushState.bind(history);
  let pressed = false, between = false;  // `between`: the last entry was made by this press and is of the page it may lead away from
  for (const press of ["pointerdown", "keydown"]) addEventListener(press, () => { [pressed, between] = [true, false]; }, true);
  addEventListener("click", () => { pressed ||= !between; }, true);  // the end of a press; an address may have come in its middle
  addEventListener("popstate", () => { [pressed, between] = [false, false]; }, true);
  history.pushState = (state, title, to) => {
    const another = new URL(to ?? location.href, document.baseURI).pathname !== location.pathname;
    if (another ? !between : pressed) push(state, title, to);
    else history.replaceState(state, title, to);
    [pressed, between] = [false, !another && (pressed || between)];
  };
}

if (!window.showdownEntries) {
  window.showdownEntries = true;
  keepOneEntry();
}
