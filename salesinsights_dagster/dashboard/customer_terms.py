"""What the figures about customers mean: how each is counted, over which days, and what it is compared with.

Add here: the definition of a figure. Not here: how it is computed, or shown.
"""

from collections.abc import Mapping

CUSTOMERS = (
    "Everybody who has bought something, up to the newest day with a purchase (UTC). Who only returned something is no "
    "customer. Compared with the end of the month before."
)
ACTIVE = (
    "Customers whose silence does not speak against them: since their last purchase, the chance that they still buy "
    "has not fallen below half of what it was then (segments.toml may say another share). Compared with the end of the "
    "month before."
)
NEW = "Customers whose first purchase was this month, so far. Beside it: in the whole month before."
WON_BACK = (
    "Customers who were not active at the end of the month before, and are now. Beside it: those of the whole month "
    "before."
)
LOST = (
    "Customers who were active at the end of the month before, and are not any more. Beside it: those of the whole "
    "month before."
)
CARTS = (
    "The value of what lies in carts: put in, and neither taken out nor bought for an hour; after 30 days a cart is "
    "given up. (SALESINSIGHTS_CART_MINUTES and _DAYS change both.) Beside it: what was put in within 7 days up to the "
    "newest cart, and what is still left of the 7 days before."
)
SEGMENTS = (
    "Each customer is in the first segment that fits, by the cut points of segments.toml. The trend is of customers at "
    "the end of each month, and now; the change is since the end of the month before. Expected: revenue within the "
    "shorter horizon, not discounted, with its 90 % interval. Export: who is in the segment, as CSV."
)
MOVES = (
    "Customers by their segment at the end of the month before, and now (or at the end of the month). Revenue: what "
    "they have bought so far, net of refunds. Who stayed in a segment is left out."
)
OUTLOOK = (
    "For each of the last 12 months that are over: what models fitted to the purchases until it began would have "
    "expected of it, with the 90 % interval, beside what came. So the table tells how far to trust the horizons to "
    "come, which are counted in days after the newest day with a purchase. Revenue net of refunds, not discounted. The "
    "models know no seasons and no campaigns."
)
RETENTION = (
    "Of the people who were first active in a month, how many in a hundred were active in each month after it. Choose "
    "what counts as being active: buying, putting something in a cart, viewing, or any of these. The running month is "
    "counted so far, so its shares still rise."
)
AUDIENCES = (
    "The customers and visitors behind the conditions that audiences.toml names, found again within minutes of a "
    "purchase or a cart. Export: who is in the audience, since when, and what customer_value says of them, as CSV; "
    "salesinsights export audience writes Parquet too, and the topic shop.audiences tells who joins and leaves."
)
BANDS = "Customers by what they have bought so far, net of refunds. All time, up to the newest day with a purchase."
LEFT_CARTS = "The 20 users who left the most money in their carts. Without a purchase they are in no segment yet."
LISTS = (
    "The 20 customers with the highest expected value: what the models expect of each within the longer horizon, "
    "discounted, with its 90 % interval. Likely lost: those with the most revenue who are not active any more. Most "
    "revenue: net of refunds, of all time. Nobody is in both of the first two."
)
TIMELINE = (
    "What the customer did, the newest first (UTC): sessions, cut after 30 minutes of silence; orders: what was bought "
    "in one visit in the same second, net of what was returned with it; returns; and what is left in the cart."
)

REVENUE = "What the customer has bought so far, net of refunds. Beside it: the last 90 days, and the 90 days before."
ORDERS = "Orders so far, and their average value: revenue per order. Beside it: the last 90 days, and the 90 before."
P_ACTIVE = (
    "The chance that the customer still buys, by the model of purchases (gold/clv_model). In BG/NBD nobody leaves "
    "before a second purchase, so of who bought once it can't tell. Beside it: 30 days ago or earlier, as it was said "
    "then."
)
SEGMENT = "The segment now, by the cut points of segments.toml. Beside it: 30 days ago or earlier."
IN_CART = (
    "What the customer put into the cart and neither took out nor bought, now. Carts of the past are not kept, so it "
    "is compared with nothing."
)


EXPECTED = (
    "Revenue that is expected within the shorter horizon, whose days stand below, counted from the newest day with a "
    "purchase; with its 90 % interval. To customers so far, and to those yet to come. Not discounted. Beside it: what "
    "as many days before brought."
)
EXPECTED_VALUE = (
    "Revenue that is expected of the customer within the longer horizon, whose days stand below, each purchase "
    "discounted to today; and the 90 % interval of what comes. Beside it: what was expected 30 days ago or earlier."
)

COLUMNS: Mapping[str, str] = {
    "user_id": "The customer's number (user_id of the events)",
    "segment": "The segment now",
    "customers": "Customers in the segment, and their share of all customers",
    "trend": "Customers at the end of each month and now; the change since the end of the month before",
    "revenue": "What was bought so far, net of refunds",
    "expected": "Revenue expected within the shorter horizon, not discounted, with its 90 % interval",
    "orders": "Orders so far; returns are none",
    "average_order_value": "Revenue per order",
    "last_order_at": "The customer's last order (UTC)",
    "predicted_value": "Revenue expected within the longer horizon, each purchase discounted to today",
    "interval": "Nine of ten such customers bring something within this interval",
    "predicted_purchases": "Expected days with a purchase within the longer horizon",
    "probability_alive": "P(active): the chance that the customer still buys",
    "items": "Products in the cart",
    "cart_value": "Price times how often it was put in, summed over the products",
    "carted_at": "When something was last put in the cart (UTC)",
    "export": "Who is in the segment, as CSV",
    "at": "When it happened (UTC)",
    "value": "Revenue of a session or an order, or what the items in the cart cost",
}
"""What the columns of the tables mean."""
