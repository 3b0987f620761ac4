// One press, one entry of the browser's history, on every page. Streamlit makes one each time a script writes the address, and on
// the way to another page one of the page that is left with the address of the next: Back would have to be pressed three times.
function keepOneEntry() {
  const push = history.pushState.bind(history);
  let pressed = false, between = false, held = false;  // `between`: this press has made an entry of the page it may lead away from
  const begin = () => { [pressed, between, held] = [true, false, true]; };
  for (const press of ["pointerdown", "keydown"]) addEventListener(press, begin, true);
  addEventListener("click", () => {  // the end of a press, in whose middle an address may have come; or all of one, without a hand
    if (!held) begin();
    held = false;
  }, true);
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
