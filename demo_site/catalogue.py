"""What the shop sells: ten things that fly, turn or hold on, in three categories."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

BRAND = "Force Four"

# What each wind force looks like on land, after the Beaufort scale.
BEAUFORT = (
    "Smoke rises straight up.",
    "Smoke drifts; weather vanes do not move.",
    "You feel it on your face, leaves rustle.",
    "Leaves and small twigs keep moving, light flags stretch out.",
    "Dust and loose paper lift, small branches move.",
    "Small trees begin to sway.",
    "Large branches move, umbrellas are a struggle.",
    "Whole trees move, walking against it is hard.",
)


@dataclass(frozen=True, slots=True)
class Category:
    slug: str
    name: str
    blurb: str


@dataclass(frozen=True, slots=True)
class Product:
    """`wind` is the weakest and the strongest wind it is made for, in Beaufort; `sky` is the colour behind it."""

    sku: str
    slug: str
    name: str
    kind: str
    category: Category
    price: Decimal
    wind: tuple[int, int]
    sky: str
    blurb: str
    story: str
    facts: tuple[tuple[str, str], ...]
    brand: str = BRAND


ONE_LINE = Category("one-line", "One line", "Let it up, tie it off, look at it all afternoon.")
TWO_LINES = Category("two-lines", "Two lines", "A line for each hand. Pull left and it goes left.")
ON_THE_GROUND = Category(
    "line-and-wind", "Line & wind", "What holds a kite, steadies it, or tells you whether to bring one."
)
CATEGORIES = (ONE_LINE, TWO_LINES, ON_THE_GROUND)

PRODUCTS = (
    Product(
        "F4-ROK-90",
        "rokkaku",
        "Rokkaku",
        "Six-sided fighter",
        ONE_LINE,
        Decimal("79.00"),
        (2, 5),
        "noon",
        "A Japanese hexagon that stands in the sky as if it were pinned there.",
        "Two bowed spreaders and one long spine. It climbs fast, hardly moves once it is up, and folds to the size "
        "of an umbrella. The sun and the sea are sewn, not printed.",
        (
            ("Size", "90 × 118 cm"),
            ("Sail", "Ripstop nylon, 36 g/m²"),
            ("Frame", "Carbon, 5 mm"),
            ("Line", "40 kp, not included"),
        ),
    ),
    Product(
        "F4-PLO-60",
        "plover",
        "Plover",
        "Classic diamond",
        ONE_LINE,
        Decimal("34.00"),
        (2, 4),
        "dune",
        "The kite you draw when somebody says kite.",
        "Four panels, two spars, a tail with two bows. It goes together in a minute, comes with its own line, and "
        "forgives a first flight with a running start.",
        (
            ("Size", "60 × 80 cm"),
            ("Sail", "Ripstop polyester"),
            ("Frame", "Fibreglass, 4 mm"),
            ("Line", "30 m on a winder, included"),
        ),
    ),
    Product(
        "F4-SKY-180",
        "skylark",
        "Skylark",
        "Light-wind delta",
        ONE_LINE,
        Decimal("49.00"),
        (1, 4),
        "dawn",
        "Goes up when the others are still waiting for wind.",
        "A wide soft wing that finds lift in the air over a warm meadow. No bridle to knot: the keel does it. On a "
        "quiet evening it will circle above your head without any wind at all.",
        (
            ("Size", "180 × 86 cm"),
            ("Sail", "Ripstop nylon, 31 g/m²"),
            ("Frame", "Fibreglass, 3 mm"),
            ("Line", "25 kp, not included"),
        ),
    ),
    Product(
        "F4-LAN-70",
        "lantern",
        "Lantern",
        "Box kite",
        ONE_LINE,
        Decimal("68.50"),
        (3, 6),
        "sea",
        "Two open boxes, and the steadiest thing here in a stiff breeze.",
        "Needs no tail and pulls like a small dog. Four long spars and two crosses fold flat; setting it up takes "
        "three minutes and looks harder than it is.",
        (
            ("Size", "70 × 70 × 120 cm"),
            ("Sail", "Ripstop nylon, 42 g/m²"),
            ("Frame", "Ash and fibreglass"),
            ("Line", "60 kp, not included"),
        ),
    ),
    Product(
        "F4-GAN-160",
        "gannet",
        "Gannet",
        "Stunt delta",
        TWO_LINES,
        Decimal("96.00"),
        (2, 5),
        "dusk",
        "Dives like its name, and stops a hand above the sand.",
        "A two-line kite for learning loops and for long after. The stand-offs keep the sail open in turns, so it "
        "tracks straight out of them. Nose and tips are doubled for the landings nobody plans.",
        (
            ("Size", "160 × 74 cm"),
            ("Sail", "Icarex, 31 g/m²"),
            ("Frame", "Carbon, 6 mm"),
            ("Lines", "2 × 25 m, 60 kp, included"),
        ),
    ),
    Product(
        "F4-PET-190",
        "petrel",
        "Petrel",
        "Ultralight",
        TWO_LINES,
        Decimal("124.90"),
        (0, 2),
        "haze",
        "Flies on the wind you make by walking backwards.",
        "A hundred and ninety centimetres of wing that weigh as much as twelve sheets of paper. For still mornings, "
        "empty halls and slow, round figures.",
        (
            ("Size", "190 × 88 cm"),
            ("Weight", "62 g"),
            ("Frame", "Wrapped carbon, 2.5 mm"),
            ("Lines", "2 × 12 m, 20 kp, included"),
        ),
    ),
    Product(
        "F4-EID-15",
        "eider",
        "Eider",
        "Soft foil",
        TWO_LINES,
        Decimal("129.00"),
        (3, 5),
        "meadow",
        "No sticks. The wind is the frame.",
        "Eight cells that fill through the mouth and turn into a wing. It packs into a bag for a coat pocket, "
        "survives every crash, and in a force four it walks you down the beach.",
        (
            ("Size", "150 × 55 cm"),
            ("Sail", "Ripstop nylon, 42 g/m²"),
            ("Frame", "None"),
            ("Lines", "2 × 20 m on straps, included"),
        ),
    ),
    Product(
        "F4-SOCK-100",
        "windsock",
        "Jetty windsock",
        "For poles and balconies",
        ON_THE_GROUND,
        Decimal("24.00"),
        (1, 7),
        "mist",
        "Says where the wind comes from, and how much of it there is.",
        "Hangs down below force two, lifts its tip at three and stands straight at five. Five bands, a stiff ring at "
        "the mouth, and a swivel so that it never winds itself up.",
        (
            ("Size", "100 cm, mouth 24 cm"),
            ("Cloth", "UV-proof polyester"),
            ("Pole", "Not included"),
            ("Wash", "30 °C, rarely"),
        ),
    ),
    Product(
        "F4-REEL-50",
        "beech-reel",
        "Beech reel",
        "50 m of line",
        ON_THE_GROUND,
        Decimal("21.50"),
        (0, 6),
        "noon",
        "Two beech handles and fifty metres of red line.",
        "Let out hand over hand, wind in without twisting. The line is braided polyester, easy to see against the "
        "sky, with a loop spliced at its end.",
        (
            ("Line", "50 m, 40 kp"),
            ("Wood", "Oiled beech"),
            ("Weight", "240 g"),
            ("For", "All our one-line kites"),
        ),
    ),
    Product(
        "F4-TAIL-4",
        "bow-tail",
        "Bow tail",
        "Nine bows, 4 m",
        ON_THE_GROUND,
        Decimal("9.75"),
        (1, 5),
        "dune",
        "Steadies a nervous kite and looks well doing it.",
        "Clips to any kite with a loop at its foot. Two in a row calm a diamond in a strong wind; one is enough for "
        "being waved at.",
        (
            ("Length", "4 m"),
            ("Bows", "Nine, in four colours"),
            ("Cloth", "Ripstop offcuts"),
            ("Clip", "Brass"),
        ),
    ),
)

_BY_SLUG = {product.slug: product for product in PRODUCTS}
_BY_SKU = {product.sku: product for product in PRODUCTS}

FIRST_KITES = tuple(_BY_SLUG[slug] for slug in ("plover", "skylark", "eider"))


def product_by_slug(slug: str) -> Product | None:
    return _BY_SLUG.get(slug)


def product_by_sku(sku: str) -> Product | None:
    return _BY_SKU.get(sku)


def category_by_slug(slug: str) -> Category | None:
    return next((category for category in CATEGORIES if category.slug == slug), None)


def products_in(category: Category) -> list[Product]:
    return [product for product in PRODUCTS if product.category is category]


def products_for(force: int) -> list[Product]:
    """What this wind is right for."""
    return [product for product in PRODUCTS if product.wind[0] <= force <= product.wind[1]]


def companions(product: Product) -> list[Product]:
    """Four others to look at: two of its kind, and two of what goes with it."""
    across = ONE_LINE if product.category is ON_THE_GROUND else ON_THE_GROUND
    siblings = [other for other in products_in(product.category) if other is not product]
    return [*siblings[:2], *products_in(across)[1:3]]


def search(words: str) -> list[Product]:
    """The products that have every word somewhere in their texts, those with it in their name first."""
    wanted = words.lower().split()
    if not wanted:
        return []

    def text(product: Product) -> str:
        facts = " ".join(value for _, value in product.facts)
        parts = (product.name, product.kind, product.category.name, product.blurb, product.story, facts)
        return " ".join(parts).lower()

    found = [product for product in PRODUCTS if all(word in text(product) for word in wanted)]
    return sorted(found, key=lambda product: not any(word in product.name.lower() for word in wanted))
