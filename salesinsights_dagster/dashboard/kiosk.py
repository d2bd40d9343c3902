"""A page on a wall: nothing to click, larger type, and it comes back by itself.

Add here: how such a page looks and lives. Not here: what it shows (`pages.live`).
"""

from nicegui import ui

CUT_OFF_SECONDS = 20
"""So long a page waits for its dashboard to talk to it again, before it loads again."""

FRESH_HOURS = 6
"""So often it loads again anyway: with a new release, and with the memory that the browser has lost meanwhile."""

_STYLE = """
.si-kiosk { --zoom: 1.15; cursor: none; overflow: hidden; }
@media (min-width: 1600px) { .si-kiosk { --zoom: 1.3; } }
@media (min-width: 1900px) { .si-kiosk { --zoom: 1.5; } }
@media (min-width: 2500px) { .si-kiosk { --zoom: 2; } }
@media (min-width: 3800px) { .si-kiosk { --zoom: 3; } }
.si-kiosk .si-main { zoom: var(--zoom); max-width: none; padding: 10px 16px; gap: 10px; pointer-events: none; }
.si-kiosk .si-card { padding: 10px 16px; }
.si-kiosk :is(.si-nav, .si-tools, .si-about, .si-dimmer, .nicegui-link, .q-expansion-item, form, .q-btn),
.si-kiosk .si-charts > div > section:nth-child(n + 2) { display: none !important; }
.si-kiosk .nicegui-content { padding: 0; }
.si-kiosk .si-bar { position: absolute; top: 8px; right: 16px; width: auto; }
/* The charts take what is left of the screen: nobody can scroll it. */
.si-kiosk .si-main { height: calc(100vh / var(--zoom)); flex-wrap: nowrap; overflow: hidden; }
.si-kiosk .si-charts { grid-template-columns: 1fr 1fr; gap: 10px; flex: 1; min-height: 0; align-items: stretch; }
.si-kiosk .si-charts > div { min-height: 0; }
.si-kiosk .si-charts > div > section { flex: 1; min-height: 0; display: flex; flex-direction: column; }
.si-kiosk .si-chart { flex: 1; min-height: 0; height: auto !important; }
.si-kiosk .si-notes { max-height: 4.5em; overflow: hidden; flex: none; }
"""

_COME_BACK = """<script>
(() => {
  const loaded = Date.now(); let heard = Date.now();
  const isTalking = () => Boolean(window.socket && window.socket.connected);
  setInterval(async () => {
    if (isTalking()) heard = Date.now();
    const isOld = Date.now() - loaded > HOURS * 3600e3;
    if (!isOld && Date.now() - heard < SECONDS * 1e3) return;
    // Only if there is something to load: a browser that finds nothing shows its own error for good.
    try { if ((await fetch("/healthz", {cache: "no-store"})).status < 600) location.reload(); } catch (error) {}
  }, 5000);
})();
</script>"""


def as_kiosk() -> None:
    """Make a kiosk of the page that is being built."""
    ui.add_css(_STYLE)
    ui.query("body").classes("si-kiosk")
    ui.add_body_html(_COME_BACK.replace("HOURS", str(FRESH_HOURS)).replace("SECONDS", str(CUT_OFF_SECONDS)))
