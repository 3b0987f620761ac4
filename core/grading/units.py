"""Patterns for what stands beside a number: units, and words that make it part of another number.

A number is read if what follows is its unit, and not if it begins something longer (`3 and a bit`, `5 x`, `72
+ e`, `70 to 80`, `72\u4e07`): its value is then different, or unknown.
"""

import re

# Scripts whose letters may touch a number without being part of it; those written without spaces also in
# front of it.
UNSPACED = (
    "\u0e00-\u0eff\u1100-\u11ff\u3005-\u3007"
    "\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f"
)
OTHERS = "\u0400-\u052f\u0531-\u0587\u0590-\u065f\u066e-\u06ef\u06fa-\u0963\u0970-\u09e5\u10a0-\u10ff"
LETTER = rf"[^\W_{UNSPACED}{OTHERS}]"
LETTER_BEFORE = rf"[^\W_{UNSPACED}]"

CURRENCIES = "$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9\u20ab\u20ba\u20b4\u20b1\u0e3f\uffe5\uff04"
CODES = "USD|EUR|GBP|JPY|CNY|RMB|INR|CAD|AUD|CHF|RUB|KRW"
# Known units may touch their number; `72k` or `5x` is another number.
UNIT = (
    "st|nd|rd|th|m?g|kg|lbs?|oz|tons?|[ckmn]?m|ft|in|mi|mph|kph|km/h|yds?|h|hrs?|hours?|mins?|"
    "s|secs?|days?|[ap]m|m?l|L|c|cents?"
    f"|[KMGT]B|kWh?|k?Hz|k?cal|[kM]?W|k?J|k?Pa|mol|pts?|pcs?|px|kr|z\u0142|{CODES}"
)
SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5}

ONE_OF = (
    "one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
)
# Number words that are not read, so that what stands before them is not taken for the whole.
FOREIGN = (
    "\u0442\u044b\u0441|\u043c\u043b\u043d|\u043c\u043b\u0440\u0434|\u0442\u0440\u043b\u043d|"
    "\u043c\u0438\u043b\u043b\u0438|"
    "\u0442\u044b\u0441\u044f\u0447|\u0441 \u043f\u043e\u043b\u043e\u0432\u0438\u043d\u043e\u0439|\u0438 \\d|"
    "(?i:mill)(?:ion(?:en|es|i|s)?|i[o\u00f3]n|\u00f5es|ones)\\b|"
    "milliard(?:en?|s|i)?\\b|milh(?:\u00e3o|\u00f5es)\\b|mila?\\b|mille\\b|tausend|"
    "et (?:demie?|quart|un)\\b|y (?:medi[oa]|un|cuarto)\\b|e (?:mezz[oa]|mei[oa]|un)\\b|und ein|"
    "lakhs?\\b|crores?\\b|lacs?\\b"
)
CJK_NUMBER = (
    "\u4e07\u842c\u4ebf\u5104\u5146\u5341\u591a\u4f59\u9918\u51e0\u5272\u6210\ub9cc\uc5b5\ucc9c\ubc31\uc2ed"
)
LARGER = (
    "days?|hours?|hrs?|h|minutes?|mins?|m|weeks?|years?|yrs?|months?"
    "|feet|foot|ft|yards?|yds?|pounds?|lbs?|dollars?|kg|km|gallons?"
)
# Letters that alone are not a unit: a variable, a power of ten, Euler's number.
ALONE = "bdefijknopqrtuvwxyzBDEKMPQRSTUXYZ"
DOUBT = re.compile(
    rf"""(?:
    \ {{0,20}}(?:
        [\u03c0\u221a^] | !=?[\w(] | !=
      | \\(?:pi|sqrt|pm|mp|ln|log|sin|cos|tan|div|over|choose|binom|alpha|theta|infty)(?![a-z])
      | (?:[+\u00d7\u00f7\u00b7\u22c5]|\\times|\\cdot)\ {{0,20}}[A-Za-z(\\\u221a\u03c0]
      | /\ ?[abnxyzk](?![\w']) | [\u2044\u2215\uff0f]\ ?\d | \*\ ?[a-z](?![\w'*])
      | [-\u2212]\ ?(?:[b-hj-zB-HJ-Z](?![\w'.-])|\\(?!text|[)\]])[a-z]|\u221a|\u03c0|\((?=[\d\w]\W))
      | [{ALONE}](?![\w'\u2019-]|\.\w|\.?\ ?[A-Za-z]\.)
    )
  | [ -](?:
        squared | cubed | factorial | choose | mod\b | radicals?\b | pi\b | sqrt"""
    rf""" | to\ the\ (?:power|\w+\ power)
      | hundred(?![a-z]) | thousand(?![a-z]) | million(?![a-z]) | billion(?![a-z])"""
    rf""" | trillion(?![a-z]) | point\ \d
      | (?:and|&|plus|minus)[ -](?:(?:an?|one|two|three)[ -])?
        (?:half|halves|thirds?|quarters?|fourths?|fifths?|bit|little|few|some|bits)\b
      | k\b | mn\b | bn\b | mio\b | mrd\b | through\ [{CURRENCIES}]?\d | up\ to\ [{CURRENCIES}]?\d"""
    rf""" | to\ [{CURRENCIES}]?\d
      | plus\b | minus\b | divided\b | multiplied\b | times\ \S?\d | over\ \S?\d
    )
  | \ ?(?:
        [\u00b1\u00d7\u00f7\u53c8{CJK_NUMBER}] | \+/- | :\ ?\d | ['\u2019]\ ?\d"""
    rf""" | \u5343(?![\u514b\u7c73\u74e6\u5361\u5b57])
      | \u767e(?!\u5206) | \u5206[\u4e4b\u306e] | [\u70b9\u9ede][\d\u96f6\u4e00-\u4e5d]
      | (?=[dhmwyfplkg])(?:{LARGER}),?\ (?:and\ )?\d
      | (?=[\u0438\u043c\u0441\u0442\u0446A-Zceltmuy])(?:{FOREIGN.replace(" ", chr(92) + " ")})
      | [{UNSPACED}]{{0,3}}(?:\u534a|\ ?\ubc18(?![{UNSPACED}]))
    ))""",
    re.VERBOSE,
)
DOUBT_BEFORE = re.compile(
    r"(?:\u5206[\u4e4b\u306e]|\u53c8|\u7b2c\ ?|[\u5343\u767e\u4e07\u4ebf]|\u2044|"
    r"[A-Za-z)\]}][-+*/^]|\b[a-zA-Z] [-+*/^] "
    r"|\d ?[*\u00d7\u00f7\u00b7] ?"
    r"|(?:\d\*\*|\b(?:log|ln|sin|cos|tan|exp|sqrt|[a-z]) ?\(|\b(?:log|ln|sin|cos|tan|exp|sqrt) |_\{|\]\{))\Z"
)
RANGE = re.compile(r"\b(?:between [^\w]?|(?:between|from) \S{1,20} (?:[a-z]{1,12} )?(?:and|to) [^\w]?)\Z")

# Words that are not the unit of a quantity that stands alone in a box or a gold answer.
NO_UNIT = (
    r"(?!(?:or|and|to|plus|minus|times|over|by|mod|thousand|million|billion|"
    r"trillion|hundred|half|halves|thirds?|fourths?|fifths?"
    r"|squared|cubed|factorial|choose|divided|sqrt|frac|sin|cos|tan|log|ln|exp|pi|not|if|is|are|when|"
    r"then|where|for|but|with"
    r"|either|between|from|than|more|less)(?![^\W\d_]))"
)
KNOWN = rf"(?:{UNIT}|[AVWNJCFgmshlL]|k?\u03a9|\u2103|\u2109|\\Omega|(?:\u00b5|\u03bc|\\mu)\s{{0,8}}[AVFgmsL])"
RAISED = r"(?:\s{0,4}\^\s?\{?[-\u2212]?\d\}?|[\u00b2\u00b3])?"
WORD = (
    rf"{NO_UNIT}(?:{KNOWN}(?![^\W\d_])|[^\W\d_]{{4,30}}"
    rf"|[^\W\d_][aeiou][^\W\d_](?![^\W\d_])|[{UNSPACED}{OTHERS}]{{1,30}})"
)
BETWEEN = r"(?:\s{0,8}(?:[/\u00b7\u22c5*]|\\cdot|-|\u2010)\s{0,8}|\s{1,12}(?:\((?=[A-Za-z]))?)"
FRACTION = (
    r"\\[dt]?frac\s{0,8}\{[\sA-Za-z^\d]{0,40}?[A-Za-z][\sA-Za-z^\d]{0,40}\}\s{0,8}"
    r"\{[\sA-Za-z^\d]{0,40}?[A-Za-z][\sA-Za-z^\d]{0,40}\}"
)
# What may follow the number of a quantity, to the end.
REST = re.compile(
    rf"""\s*(?P<percent>(?:\\?[%\uff05]|(?i:per\ ?cent(?:age)?(?:\ points?)?|pct)\b)?)
    (?:\s{{0,12}}(?:[{CURRENCIES}\u00a2\u2032\u2033"]|{FRACTION}
    |\(?\s{{0,4}}{WORD}{RAISED}(?:{BETWEEN}(?:(?:per|an?|of|in|the)\s{{1,4}}){{0,2}}"""
    rf"""{WORD}{RAISED}){{0,8}}\)?))?
    \s*[.\u3002]?\s*""",
    re.VERBOSE,
)
