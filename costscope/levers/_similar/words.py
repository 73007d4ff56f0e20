"""The words by which the guards know numbers, units, dates, negation and opposites. English first, with
what is unmistakable in German, French, Spanish, Italian, Portuguese and Dutch. Data, no code to speak of.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATIONS = _words("""
    not no never none nobody nothing neither nor nowhere cannot without nicht nichts kein keine
    keinen keinem keiner keines nie niemals ohne weder niemand ne pas jamais sans aucun aucune rien
    nunca sin ningún ninguna ninguno nada tampoco non senza nessun nessuno nessuna niente não sem
    nenhum nenhuma niet geen nooit zonder не нет без ни никогда 不 没 沒 無 无 非 未 别
""")

NUMBERS = {
    word: str(number)
    for number, words in {
        2: "two zwei deux", 3: "three drei trois tres tre", 4: "four vier quatre cuatro quattro",
        5: "five fünf cinq cinco cinque vijf", 6: "six sechs seis zes", 7: "seven sieben sept siete sette zeven",
        8: "eight acht huit ocho otto", 9: "nine neun neuf nueve nove negen", 10: "ten zehn dix diez dieci tien",
        11: "eleven elf onze", 12: "twelve zwölf douze doce dodici twaalf dozen",
        13: "thirteen", 14: "fourteen", 15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen",
        19: "nineteen", 20: "twenty zwanzig vingt veinte venti", 30: "thirty dreißig trente treinta trenta",
        40: "forty", 50: "fifty fünfzig cinquante cincuenta", 60: "sixty", 70: "seventy", 80: "eighty",
        90: "ninety", 100: "hundred hundert cent cien cento", 1_000: "thousand tausend mille mil",
        1_000_000: "million millones", 1_000_000_000: "billion",
    }.items()
    for word in words.split()
}  # fmt: skip
"""Not "one", which mostly is no number, and no word that means something else in another language."""

_UNITS = {
    "percent": "% percent prozent pourcent", "$": "$ dollar usd", "€": "€ euro eur", "£": "£ gbp",
    "¥": "¥ yen jpy yuan", "₹": "₹ rupee inr", "degree": "° degree",
    "celsius": "celsius", "fahrenheit": "fahrenheit", "kelvin": "kelvin",
    "second": "seconds secs sekunden secondes segundos", "minute": "minute mins minuten minutos",
    "hour": "hour hourly stunde stunden heure hora", "day": "day daily tag tage jour día",
    "week": "week weekly woche wochen semaine semana", "month": "month monthly monat monate mois mes",
    "quarter": "quarter quarterly quartal trimestre",
    "year": "year yearly annual annually jahr jahre année année año",
    "km": "km kilometer kilometre", "m": "meter metre", "cm": "cm centimeter centimetre",
    "mm": "mm millimeter millimetre", "mile": "mile", "inch": "inch", "foot": "foot feet", "yard": "yard",
    "kg": "kg kilo kilogram kilogramm", "g": "gram", "mg": "mg milligram", "lb": "lb lbs pound",
    "ounce": "ounce oz", "l": "liter litre", "ml": "ml milliliter", "gallon": "gallon",
    "kb": "kb kilobyte", "mb": "mb megabyte", "gb": "gb gigabyte", "tb": "tb terabyte",
    "ms": "ms millisecond", "kw": "kw kilowatt", "kwh": "kwh", "mph": "mph", "kmh": "kmh kph",
}  # fmt: skip
UNITS = {
    form: f"unit {unit}"
    for unit, words in _UNITS.items()
    for word in words.split()
    for form in (word, f"{word}s")
}
"""Not "second", "min" and single letters, which mean other things too; see SHORT_UNITS."""
SHORT_UNITS = {
    word: f"unit {unit}"
    for word, unit in {
        "m": "m", "g": "g", "s": "second", "h": "hour", "hr": "hour", "hrs": "hour", "d": "day",
        "w": "week", "y": "year", "l": "l", "in": "inch", "ft": "foot", "min": "minute",
        "sec": "second", "c": "celsius",
        "f": "fahrenheit", "k": "thousand", "x": "times",
    }.items()
}  # fmt: skip
"""Units only right behind a number: "5m", not "m"."""
ORDINALS = frozenset({"st", "nd", "rd", "th", "º", "ª", "e", "er"})
SHORT_UNITS.update(dict.fromkeys(ORDINALS, "unit ordinal"))

_WEEKDAYS = (
    "monday montag lundi lunes", "tuesday dienstag mardi martes", "wednesday mittwoch mercredi miércoles",
    "thursday donnerstag jeudi jueves", "friday freitag vendredi viernes", "saturday samstag samedi sábado",
    "sunday sonntag dimanche domingo",
)  # fmt: skip
_MONTHS = (
    "january januar janvier enero", "february februar février febrero", "april avril abril",
    "june juni juin junio", "july juli juillet julio", "august août agosto",
    "september septembre septiembre", "october oktober octobre octubre",
    "november novembre noviembre", "december dezember décembre diciembre",
)  # fmt: skip
_RELATIVE = (
    "today heute hoy",
    "tomorrow morgen demain mañana",
    "yesterday gestern hier ayer",
    "tonight",
)
DATES = {
    word: words.split()[0]
    for words in (*_WEEKDAYS, *_MONTHS, *_RELATIVE)
    for word in words.split()
}  # fmt: skip
"""Without March and May, which are other words too: a name guard sees them where they are capitalised."""

_EXCLUSIVE = """
    when where who why | which why | enable disable | activate deactivate | increase decrease | increase reduce
    raise lower | add remove | add delete | create delete | install uninstall | upload download
    import export | buy sell | open close | start stop | begin end | before after | above below
    with without | more less | more fewer | most least | maximum minimum | max min | highest lowest
    high low | largest smallest | bigger smaller | best worst | better worse | first last | next previous
    next last | on off | in out | up down | left right | true false | yes no | always never | all none
    accept reject | accept decline | approve reject | approve deny | allow deny | allow block | allow forbid
    include exclude | encrypt decrypt | encode decode | lock unlock | push pull | send receive
    connect disconnect | subscribe unsubscribe | login logout | show hide | public private
    internal external | input output | read write | positive negative | advantage disadvantage
    pro con | cause prevent | gain lose | win lose | arrive depart | early late | old new | hot cold
    legal illegal | possible impossible | safe unsafe | safe dangerous | required optional | male female
    man woman | mother father | son daughter | brother sister | he she | day night | north south | east west
    january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday | today tomorrow yesterday
    ascending descending | horizontal vertical | client server | lend borrow | employer employee
    mit ohne | vor nach | mehr weniger | avec sans | avant après | plus moins | con sin
    antes después | más menos
"""


def _groups() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in _EXCLUSIVE.strip().split("\n"):
        for group in line.split("|"):
            for word in group.split():
                found.setdefault(word, set()).update(set(group.split()) - {word})
    return found


EXCLUSIVE = _groups()
"""Word → words of which one must not stand for it: opposites, other question words, other months."""

STOP_WORDS = _words("""
    a an the this that these those some any each every such same other it its they them their i me
    my mine we us our you your he him his she her be is are was were been being am do does did done
    doing have has had having can could will would shall should may might must of in on at by for
    from to into onto over under with about as than then so if or and but because while during
    through per via up out off again just only also too very really please tell give show let get
    know want need like help explain describe say what which who whom whose when where why how
    there here not no nor without never hi hello hey thanks thank der die das den dem des ein eine
    einen einem einer und oder aber ist sind war ich du er sie es wir ihr mein dein sein zu zum zur
    von vom mit im in an am auf für bei wie was wer wo wann warum kann können bitte nicht le la les
    un une des du de et ou mais est sont je tu il elle nous vous mon ma mes ton ta ce cette ces que
    qui quoi où quand comment pourquoi dans sur pour par avec sans au aux ne pas peut puis el los
    las una unos unas y o pero es son yo tú él ella nosotros mi mis su sus del al en por para con
    sin se lo qué quién cómo cuándo dónde cuál puedo puede che di da il lo gli è sono come quando
    dove perché per non uma os um do dos em no na nos nas é são como onde het een van en of is zijn
    ik je wij hoe wat waar 的 了 是 我 你 他 她 它 吗 呢 啊 在 和 有 这 那 の は が を に で と も か た て だ す ま し
""")
