// Draws nothing: when the sign-in is over, or was ended in another tab, the page is loaded again, which leads to the sign-in page.
const LONGEST_TIMER = 2 ** 31 - 1;
async function leaveIfRefused() {
  const answer = await fetch(new URL("_stcore/host-config", document.baseURI), { cache: "no-store" }).catch(() => null);
  if (answer?.status === 401) location.reload();
}
export default function ({ data }) {
  clearTimeout(window.showdownSessionEnd);
  window.showdownSessionEnd = setTimeout(() => location.reload(), Math.min(1000 * (data.seconds + 1), LONGEST_TIMER));
  if (window.showdownSessionWatch) return;
  window.showdownSessionWatch = new MutationObserver((changes) => {
    if (changes.some(({ target }) => target.dataset.testConnectionState !== "CONNECTED")) leaveIfRefused();
  });
  window.showdownSessionWatch.observe(document.body, { subtree: true, attributeFilter: ["data-test-connection-state"] });
}
