"""The words beside an expression in prose that tell whether the expression is whole."""

from core.grading.numerals import WORDS

# These belong to the expression beside them, so that it was not read whole.
OPERATORS = frozenset(
    "plus minus times multiplied divided over by per mod modulo remainder rem squared cubed square cube "
    "root half halves third thirds quarter quarters fifth fifths sixth sixths seventh eighth eighths "
    "tenth tenths percent twice double doubled triple tripled thrice quadruple dozen dozens hundred "
    "hundreds thousand thousands million millions billion billions trillion tens ones less fewer than "
    "minus negative sqrt log ln sin cos tan max min gcd lcm factorial power exponent ratio difference "
    "product quotient average mean reciprocal inverse choose score gross lakh crore k m b am pm noon "
    "midnight".split()
) | {word for word in WORDS if " " not in word}
# These make the words after them part of the expression: `twice the sum 3 + 4`.
SCALING = frozenset(
    "plus minus times multiplied divided twice thrice double triple half third quarter "
    "percent than less".split()
)
# These name the number after them: `step 3`, `pages 10-15`.
LABELS = frozenset(
    "step steps day days week weeks month months year years page pages chapter chapters grade grades room "
    "level question part problem case equation equations line lines row rows figure table section method "
    "option number no nos item items example exercise phase stage round game version line age ages hour "
    "hours minute minutes from between".split()
)
# Words after which a new thought begins: what stands before them is not part of the expression.
BREAKS = frozenset(
    "is are was were be been equals equal so then thus therefore hence because since which that this "
    "means meaning has have had get gets got getting gives give there they he she it we you us i and or "
    "but if when where while as now will would can could needs need costs cost spends spent earns earned "
    "makes made making takes took uses used pays paid sells sold buys bought total remaining left "
    "altogether calculate compute find found let leaves leaving add adding subtract subtracting".split()
)
# `a total of 3 + 4`: these words name the value, not a share of it.
WHOLES = frozenset(
    "total sum amount number cost price profit weight length width height area volume perimeter distance "
    "time combined value income revenue salary loss worth speed rate earnings balance budget bill change "
    "fee payment supply collection group".split()
)
APPROXIMATE = frozenset(
    "round rounded rounding rounds approximately about roughly nearly almost approx".split()
)
_TIME = frozenset({7, 12, 24, 30, 52, 60, 168, 365, 1440, 3600, 10, 100})
_LENGTH = frozenset({3, 10, 12, 36, 100, 1000, 1760, 5280})
_MASS = frozenset({14, 16, 1000, 2000})
_VOLUME = frozenset({2, 3, 4, 8, 16, 48, 128, 1000})
MONEY = frozenset({4, 5, 10, 20, 25, 100})
# By what a value and its unit may differ from an expression that names no unit: `45 + 15 = 1 hour`.
CONVERSIONS: dict[str, frozenset[int]] = {
    unit: factors
    for units, factors in (
        (
            "second seconds sec secs minute minutes min mins hour hours hr hrs day days "
            "week weeks month months year years",
            _TIME,
        ),
        ("decade decades century centuries", _TIME),
        (
            "cent cents dollar dollars dime dimes nickel nickels penny pennies euro euros pound pounds",
            MONEY | _MASS,
        ),
        ("inch inches foot feet ft yard yards yd mile miles mi meter meters metre metres cm mm km", _LENGTH),
        ("centimeter centimeters kilometer kilometers millimeters centimetres kilometres", _LENGTH),
        ("ounce ounces oz lb lbs ton tons gram grams kg mg kilogram kilograms stone", _MASS),
        (
            "cup cups pint pints quart quarts gallon gallons liter liters "
            "litre litres ml tablespoons teaspoons",
            _VOLUME,
        ),
        ("pair pairs couple couples", frozenset({2})),
    )
    for unit in units.split()
}
# Units that may stand directly behind a number: `12cm`.
TIGHT = frozenset("cm mm km kg mg lb lbs oz ft in mi mph kmh yd hr hrs min mins ml sec secs cents".split())
