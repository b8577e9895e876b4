// Notifications of the browser: opted into on the page of settings, kept by this browser alone. One page of all that are open
// hears for them, also while nobody looks at it; what it holds belongs to the page, however often a component is drawn.
const NOTIFY_KEY = "vain-notify", NOTIFIED_KEY = "vain-notified", HEARING = "vain-notify", LOOKED_AT = "vain-seen";
const MOST_SINGLE = 3, BURST_MILLISECONDS = 10_000;

function kept(key) { try { return localStorage.getItem(key); } catch { return null; } }
function keep(key, value) { try { if (value == null) localStorage.removeItem(key); else localStorage.setItem(key, value); } catch { /* private window */ } }

// Why there can be none here; empty: there can.
function whyNoNotifications() {
  if (!window.isSecureContext) return "Browsers notify only over https or at localhost.";
  return "Notification" in window && navigator.locks ? "" : "This browser has no notifications.";
}

const isNotifyOn = () => !whyNoNotifications() && kept(NOTIFY_KEY) === "1" && Notification.permission === "granted";

// A lock of all pages of this browser: held from `take` on, once it is free, until `drop` or the end of the page.
function pageLock(name, mode, changed) {
  let wish = null, release = null;
  return {
    take() {
      if (wish) return;
      const mine = wish = new AbortController();
      navigator.locks.request(name, {mode, signal: mine.signal}, () => mine.signal.aborted ? null : new Promise((resolve) => {
        release = resolve;
        changed(true);
      })).catch(() => { /* given up before it was free */ });
    },
    drop() {
      if (!wish) return;
      wish.abort();
      if (release) { release(); release = null; changed(false); }
      wish = null;
    },
  };
}

function showNotification(title, body, tag, address) {
  const shown = new Notification(title, {body, tag});
  shown.onclick = () => {
    shown.close();
    window.focus();
    // Not over a form that somebody is filling in.
    if (document.documentElement.dataset.editing) window.open(address, "_blank", "noopener"); else location.href = address;
  };
}

function makeNotifier() {
  let hears = false, tell = () => {}, times = [], unshown = 0;
  const hearing = pageLock(HEARING, "exclusive", (is) => { hears = is; tell(is); });
  const looked = pageLock(LOOKED_AT, "shared", () => {});

  function apply() {
    const isOn = isNotifyOn();
    if (isOn) hearing.take(); else hearing.drop();
    if (isOn && !document.hidden) looked.take(); else if (!whyNoNotifications()) looked.drop();
  }

  // What no page of this browser has told or shown before.
  function fresh(newest, told) {
    const before = Number(kept(NOTIFIED_KEY) ?? -1), known = before > newest ? -1 : before;
    if (newest > known) keep(NOTIFIED_KEY, String(newest));
    return told.filter(({id}) => id > known);
  }

  function show(found) {
    const now = Date.now();
    times = times.filter((time) => now - time < BURST_MILLISECONDS);
    if (!times.length) unshown = 0;
    if (!unshown && times.length + found.length <= MOST_SINGLE) {
      for (const {id, title, message, address} of [...found].reverse()) showNotification(title, message, `vain-${id}`, address);
    } else {
      unshown += found.length;
      showNotification(`${unshown} notification${unshown === 1 ? "" : "s"}`, found[0].title, "vain-more", "./alerts");
    }
    times.push(...found.map(() => now));
  }

  addEventListener("storage", ({key}) => { if (key === NOTIFY_KEY) apply(); });
  document.addEventListener("visibilitychange", apply);
  apply();
  return {
    apply,
    // `say(is)`: whether the session is to tell what comes while nobody looks at this page.
    follow(say) { tell = say; if (hears) tell(true); },
    async take(newest, told) {
      // Nobody sees it here, and another page may be about to tell it: what was on its way when this page was left.
      if (document.hidden && !hears) return;
      const found = fresh(newest, told);
      if (!hears || !isNotifyOn() || !found.length) return;
      const {held} = await navigator.locks.query();
      // Who looks at a page sees it there.
      if (!held.some(({name}) => name === LOOKED_AT)) show(found);
    },
  };
}

const pageNotifier = () => window.vainNotifier ??= makeNotifier();
