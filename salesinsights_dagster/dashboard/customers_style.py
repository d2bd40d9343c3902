"""How the Customers page looks, beyond what all pages share (`parts`).

Add here: a style that this page alone needs. Not here: one that a second page needs.
"""

from salesinsights_dagster.dashboard.about import ABOUT_STYLE

CUSTOMERS_STYLE = (
    ABOUT_STYLE
    + """
.si-tiles.si-wide { grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); }
.si-segments td { vertical-align: top; white-space: normal; }
.si-segments .q-table tbody td, .si-segments .q-table thead th { padding: 8px 10px; }
.si-segments .si-what { min-width: 17rem; max-width: 34rem; }
.si-segments .si-label { display: none; }
.si-name { font-weight: 650; font-size: .95rem; }
.si-bar { height: 6px; border-radius: 3px; background: #e6e8ef; margin-top: 4px; min-width: 70px; }
.body--dark .si-bar { background: #2a2f3d; }
.si-bar > div { height: 6px; border-radius: 3px; background: #6d63f5; }
.si-bar > .si-gone { background: #848b9b; }
.si-segments .si-pill { display: inline-block; margin-top: 4px; }
.si-line { width: 110px; height: 28px; color: #6d63f5; } .body--dark .si-line { color: #9d95ff; }
.si-heat { border-collapse: separate; border-spacing: 3px; width: 100%; font-size: .85rem;
           font-variant-numeric: tabular-nums; }
.si-heat th { font-weight: 500; text-align: right; padding: 4px 6px; white-space: nowrap; }
.si-heat th[scope=row] { text-align: left; }
.si-heat td { text-align: right; padding: 6px 8px; border-radius: 6px; min-width: 48px; }
.si-heat td.si-held { background: rgb(109 99 245 / calc(var(--s) * .7)); color: #11131a; text-align: center; }
.body--dark .si-heat td.si-held { color: #f2f3f8; }
.si-heat td { white-space: nowrap; }
.si-heat td.si-open { border: 1px dashed #848b9b; }
@media (max-width: 599px) {
  .si-tiles.si-wide { grid-template-columns: 1fr 1fr; gap: 10px; }
  .si-segments thead { display: none; }
  .si-segments table, .si-segments tbody, .si-segments tr { display: block; }
  .si-segments tr { border-bottom: 1px solid rgba(132, 139, 155, .4); padding: 6px 0; display: grid; height: auto;
                    grid-template-columns: 1fr 1fr; }
  .si-segments .q-table tbody td { border: 0; text-align: left; padding: 4px 6px; font-size: .85rem; height: auto; }
  .si-segments td.si-what { grid-column: 1 / -1; min-width: 0; }
  .si-segments .si-label { display: block; font-size: .75rem; }
  .si-heat td, .si-heat th { padding: 5px; min-width: 0; } .si-heat { border-spacing: 2px; }
}
"""
)
