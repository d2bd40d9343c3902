"""The numbers that make the simulated shop look like the real one.

They come from the published counts of the REES46 cosmetics data set ("eCommerce Events History in Cosmetics
Shop", October 2019 to February 2020, 20.7 million events). What no count gives (gaps between clicks, the share of
viewed products that go into a cart) was fitted until the simulated months reproduced those counts.

Add here: a number taken from, or fitted to, the data set.
Not here: what is done with it (`catalogue`, `visits`, `shop`).
"""

from dataclasses import dataclass

# Counted: rows, their kinds and the null shares.
EVENT_TYPES = ("view", "cart", "remove_from_cart", "purchase")
EVENT_SHARES = {"view": 0.4667, "cart": 0.2788, "remove_from_cart": 0.1923, "purchase": 0.0622}
EVENTS_PER_VISIT = 4.52  # 4.6 in the data set
DUPLICATE_SHARE = 0.0536
CATEGORY_CODE_NULL_SHARE = 0.983
BRAND_NULL_SHARE = 0.427
SESSION_NULL_SHARE = 0.0002
ZERO_PRICE_SHARE = 0.00215
VOUCHERS_PER_PURCHASE = 126 / 1_287_007
VIEWS_BY_UTC_HOUR = (
    *(90, 77, 85, 122, 182, 274, 377, 455, 503, 529, 558, 575),
    *(583, 560, 525, 503, 517, 561, 607, 641, 575, 389, 234, 136),
)

# The catalogue. Prices are whole multiples of 5 roubles shown at 63 roubles a dollar, hence 0.79, 1.19, 2.62, ...
PRODUCTS = 45_000
CATEGORIES = 523
BRANDS = 273
POPULARITY_EXPONENT, POPULARITY_OFFSET = 0.9, 20
ROUBLES_PER_DOLLAR, ROUBLE_STEP = 63, 5
VOUCHER_ROUBLES = (500, 1_000, 1_500, 2_000, 3_000, 5_000)
PRICE_STEPS = (1.0, 1.0, 0.85, 1.1)
PRICE_STEP_DAYS = (20, 90)
# Share of the looks that go to products up to this price, in dollars.
PRICE_QUANTILES = (
    *((0.0, 0.20), (0.03, 1.40), (0.25, 3.60), (0.5, 5.10), (0.75, 14.0)),
    *((0.9, 27.0), (0.97, 92.0), (0.995, 118.0), (0.9999, 327.78), (1.0, 327.78)),
)
CHEAPER_SELLS_BETTER = 0.84  # a product's weight in carts falls with its price to this power
CATEGORY_CODES = (
    *("appliances.environment.vacuum", "stationery.cartrige", "furniture.bathroom.bath", "apparel.glove"),
    *("accessories.bag", "furniture.living_room.cabinet", "appliances.personal.massager"),
    *("accessories.cosmetic_bag", "appliances.personal.hair_cutter", "appliances.environment.air_conditioner"),
)

# Visits: buying, filling a cart, browsing only. Item counts are 1 + floor(lognormal), cut at MOST_ITEMS.
BUY = 0  # the place of the buying visits in VISIT_KINDS
MOST_ITEMS = 150


@dataclass(frozen=True)
class VisitKind:
    """How one kind of visit behaves; shares are of all visits or of the visit's items.

    `users_per_visit` sizes the pool of people that make visits of this kind; `skew` above 1 favours its regulars.
    """

    share: float
    items_log_median: float
    items_log_spread: float
    carted: float
    removed: float
    users_per_visit: float
    skew: float


VISIT_KINDS = (
    VisitKind(0.0345, 2.31, 0.85, carted=0.67, removed=0.12, users_per_visit=0.090, skew=1.1),
    VisitKind(0.1750, 1.24, 1.05, carted=0.76, removed=0.37, users_per_visit=0.180, skew=1.5),
    VisitKind(0.7905, -1.55, 1.6, carted=0.0, removed=0.0, users_per_visit=0.535, skew=1.4),
)
VIEWED_BEFORE_CART = 0.43
BOUGHT_WITHOUT_CART = 0.06  # put into the cart on an earlier visit
SAME_CATEGORY = 0.4
CLEARING_VISITS, CLEARED_LOG_MEDIAN, CLEARED_LOG_SPREAD = 0.02, 2.3, 0.9  # an old cart emptied in one burst
STUTTERING_VISITS = 0.35  # double clicks: rows sent twice
STUTTER = {"cart": 0.09, "remove_from_cart": 0.7}
SECOND_STUTTER = 0.2


@dataclass(frozen=True)
class Pace:
    """How fast people click: medians and means in seconds, shares of the gaps between two items."""

    click_seconds: float
    pause_share: float = 0.0
    pause_seconds: float = 0.0
    return_share: float = 0.0
    return_seconds: float = 0.0


MONTH_PACE = Pace(30.0, pause_share=0.08, pause_seconds=1_200.0, return_share=0.006, return_seconds=86_400.0)
# Live visits are short, so that a cart's purchase follows while somebody watches.
LIVE_PACE = Pace(4.0)
LIVE_VISITS_A_MONTH = 900_000

# People: every fifth visitor comes back in other months, the others are new each month.
OPENED = 2019  # newcomers' ids count months from its January
REGULAR_EVERY = 5
REGULAR_IDS, NEW_IDS_A_MONTH = 400_000_009, 8_000_009  # primes, so that the stride below never repeats an id
FIRST_REGULAR_ID, FIRST_NEW_ID = 100_000_000, 500_000_009
ID_STRIDE = 2_654_435_761
