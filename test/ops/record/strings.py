"""Texts hashed, matched by regular expressions, rewritten, and tensors written out. Bit by bit."""

from .lib import S, f32, f64, i32, i64, np, u8

PATTERNS = [
    "abc", "a.c", "a|b|cd", "(ab)*c", "a+b?", "[a-c]+", "[^a-c]+", "a{2}", "a{2,}", "a{1,3}", "a{x", "a{", "(?i)AbC", "(?:ab)+", "(?P<name>a)b", "a??b", "a*?", "^abc$", "\\Aabc\\z", "(?s)a.c", "(?m)^a$",
    "\\d+\\D\\w*\\W?\\s", "\\bab\\b", "a\\Bb", "[[:alpha:]]+", "[[:^digit:]]+", "[\\d_]+", "\\pL+", "\\p{Greek}+", "\\P{Lu}+", "\\p{^Lu}+", "\\x41\\x{e4}", "\\101", "\\Qa.c\\E", "\\.", "[\\]a]", "[]a]+", "[a-]+", "\u00e4.", ".", "..", "", "()", "a||b", "(a*)*b", "(a|ab)(c|bcd)", "(?U)a+", "(?i:a)b", "[^\\n]+", "(?-s).", "\\pZ", "x*", "[\u00e4-\u00fc]+",
]
BAD = ["(", ")", "a)", "[", "[a", "[z-a]", "*a", "a**", "a+*", "a{2}{3}", "a{1001}", "(a{100}){100}", "\\", "\\1", "\\8", "\\Z", "\\xg1", "(?=a)", "(?!a)", "(?<=a)", "(?P=n)", "(?<n>a)", "(?P<n", "(?P<>a)", "(?P<a b>c)", "(?x)a", "(?i", "\\p{Nope}", "[[:nope:]]", "a{3,2}", "|*", "(*)", "\\pN\\q", "[\\q]", "(?i-)a?+", "a???"]
TEXTS = ["", "a", "b", "aa", "aaa", "ab", "abc", "ABC", "a\nc", "abcd", "cd", "aab", "ababc", "12x_ ", "7-7 ", "\u03b1\u03b2", "\u00e4b", "A\u00e4", "a.c", "]a", "a-", "a{", "a{x", "AB", "aB", "\n", "_9", "Zz", "\u00fc\u00e4"]


def cases(family):
    texts = S(TEXTS)
    for pattern in PATTERNS:
        family.op("StaticRegexFullMatch", [texts], pattern=pattern, label=repr(pattern))
        family.op("StaticRegexReplace", [texts], pattern=pattern, rewrite="<\\0>", replace_global=True, label=repr(pattern))
    family.op("RegexFullMatch", *[[S(["a", "b"]), S(pattern)] for pattern in ["a", *BAD]], [S("a"), S(["a"])], label="refused")
    for everywhere in (False, True):
        family.op("RegexReplace", *[[S(["a1b22c", "", "abc"]), S(pattern), S(rewrite)] for pattern, rewrite in (
            ("([a-z])(\\d*)", "\\2\\1"), ("b*", "-"), ("(x)?a", "[\\1]"), ("a", "\\\\"), ("a", "\\q"), ("a", "x\\"), ("a", "\\1"), ("(?:)", "."), ("$", "!"), ("^", "!"), ("\\b", "|"))], [S("a"), S(["a"]), S("b")], [S("a"), S("a"), S(["b"])], replace_global=everywhere, label="")
    family.op("RegexReplace", [np.array([b"\xff\xfea\xc3", b"a\xe4b"], object), S("."), S("x")], [np.array([b"\xff\xfea\xc3", b"a\xe4b"], object), S("a"), S("x")], [np.array([b"\xff\xfea\xc3", b"a\xe4b"], object), S("[^b]"), S("x")], replace_global=True, label="bytes that are no UTF-8")
    long = [bytes((7 * i + n) % 256 for i in range(n)) for n in (*range(0, 40), 47, 48, 63, 64, 65, 100, 127, 128, 129, 192, 193, 1000)]
    words = np.array(long, object)
    for op in ("StringToHashBucketFast", "StringToHashBucket"):
        for buckets in (2**63 - 1, 7, 1):
            family.op(op, [words], [words[:0]], [S("x")], num_buckets=buckets, label="")
    family.op("StringToHashBucketStrong", [words], [S("x")], num_buckets=2**63 - 1, key=[1, -2], label="")
    family.op("StringToHashBucketStrong", [words], num_buckets=5, key=[2**62, 3], label="")
    family.op("StringToHashBucketStrong", [S("x")], num_buckets=5, key=[1], label="")
    values = {"float": np.array([1.5, -0.0, 1e10, 3.14159274, 1 / 3, 1e-5, 123456.789, np.nan, np.inf, -np.inf, 16777216], f32), "double": np.array([0.1, 1 / 3, 1e100, -1e-7], f64), "int32": np.arange(24, dtype=i32).reshape(2, 3, 4), "int64": np.array(2**62, i64),
              "uint8": np.array([[1, 2], [3, 255]], u8), "bool": np.array([True, False]), "string": S([["a\n", "\""], ["\u00e4", ""]]), "empty": np.zeros((2, 0), f32)}
    for summarize in (-1, 1, 3):
        for name, value in values.items():
            family.op("StringFormat", [[value]], template="<{}>", placeholder="{}", summarize=summarize, label=name)
    family.op("StringFormat", [[values["int32"], values["bool"]]], template="%s and %s%%", placeholder="%s", summarize=2, label="two")
    family.op("StringFormat", [[]], template="none", placeholder="{}", summarize=2, label="none")
    family.op("StringFormat", [[values["bool"]]], template="{}{}", placeholder="{}", summarize=2, label="too few")
    summary = lambda tag: b"\x0a\x08\x0a\x01" + tag + b"\x15\x00\x00\xc0?"  # noqa: E731
    family.op("MergeSummary", [[S(summary(b"a")), S([summary(b"b"), summary(b"c")])]], [[S(summary(b"a")), S([summary(b"a")])]], [[S(b""), S([])]], [[S(b"\x0a\x0a\x0a\x01a"), S([])]], [[S("x"), S(["y"])]])
    for dtype in (np.float32, np.float64, np.int32, np.int64, np.uint8):
        some = np.array([1, 2, 2.5, -1, 0, 1000, -7, 3.75, 12]).astype(dtype)
        family.op("HistogramSummary", [S("h"), some], [S(["h"]), some], [S("h"), some[:0]], [S("h"), dtype(3)], [S(b""), some.reshape(3, 3)], label=dtype.__name__)
        family.op("ScalarSummary", [S("a"), dtype(3)], [S(["a", "b"]), some[:2]], [S(["a", "b"]), some[:1]], [S("a"), some[:1]], [S(["a"]), some[:2]], [S([["a", "b"]]), some[None, :2]], [S([]), some[:0]], label=dtype.__name__)
    family.op("HistogramSummary", [S("h"), np.array([1, np.nan], np.float32)], [S("h"), np.array([np.inf], np.float32)], [S("h"), np.array([1e30, -1e-30, 1e-13], np.float32)], label="not finite")
    family.op("ScalarSummary", [S("a"), np.float64(3e60)], [S("a"), np.float64(np.nan)], label="float64 too large")
