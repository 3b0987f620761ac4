// Nothing typed is lost, on every page. Streamlit hears of a field's text when the field is left; and it opens a page, which throws
// away what the page before it had not heard, at once. A press that does both waits here until Streamlit's script has run.
const LONGEST = 3000;  // ms after which we stop waiting
const LOOK = 20, LONGEST_LOOK = 100;  // ms between two looks; one that comes later, on a machine that stood still, counts as so many
const isField = (at) => /^(INPUT|TEXTAREA)$/.test(at?.tagName) && !/^(checkbox|radio)$/.test(at.type);

function bePatient() {
  let left = -Infinity, began = true, typing = null, before = "";
  const runs = () => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "running";
  new MutationObserver(() => { began ||= runs(); })
    .observe(document.body, { subtree: true, attributeFilter: ["data-test-script-state"] });
  const heard = () => began && !runs();
  const settled = () => heard() || performance.now() - left > LONGEST;
  function whenSettled(then, waited = 0) {
    if (heard() || waited > LONGEST) return then();
    const last = performance.now();
    setTimeout(() => whenSettled(then, waited + Math.min(performance.now() - last, LONGEST_LOOK)), LOOK);
  }
  const unheard = () => typing?.isConnected && typing.value !== before;
  const leave = (field) => { if (field.value !== before) [left, began] = [performance.now(), false]; };
  const begin = (field) => { [typing, before] = [field, field?.value ?? ""]; };
  addEventListener("focusin", ({ target }) => begin(isField(target) ? target : null), true);
  addEventListener("focusout", ({ target }) => { if (target === typing) { leave(target); begin(null); } }, true);
  addEventListener("keydown", ({ key, target }) => { if (key === "Enter" && target === typing) { leave(typing); begin(typing); } }, true);
  addEventListener("click", (event) => {
    const link = event.composedPath().find((at) => at.tagName === "A" && at.href);
    if (!link || link.download || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || settled()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    whenSettled(() => link.click());
  }, true);
  // Back and Forward leave no field. They go where they were to go when what is typed has been heard.
  window.navigation?.addEventListener("navigate", (event) => {
    if (event.navigationType !== "traverse" || !event.cancelable || !unheard()) return;
    event.preventDefault();
    typing.blur();
    whenSettled(() => navigation.traverseTo(event.destination.key));
  });
  addEventListener("beforeunload", (event) => {
    if (!unheard()) return;
    typing.blur();  // while the browser asks, Streamlit hears of it
    event.preventDefault();
  });
}

if (!window.showdownPatience) {
  window.showdownPatience = true;
  bePatient();
}
