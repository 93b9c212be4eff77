# Writes python.json: what Python's ast.literal_eval makes of values as an INI
# inventory may hold them; null stands for "no literal, so it is text".
import ast
import json
import random
import sys
import warnings

warnings.simplefilter("ignore")
pieces = ["1", "0", "7", "9", "_", ".", "e", "x", "o", "b", "j", "+", "-", " ", ",", "[", "]", "(", ")", "{", "}", ":", "'", '"', "'a'", '"b"', "\\", "\\n",
          "True", "False", "None", "true", "u", "r", "f", "#", "é", "10", "08", "=", "...", "1.5", "0x1F", "'''", "[]", "()", "{}", "*", "/", "\t", "ab"]
chosen = """5 1.5 True true yes 0644 [1,2] None none 1_000 1__0 _1 1_ 0_0 00 01 0x 0xG 0b2 0o8 1e3 1e 1e+ 1.e5 .5 . .. 1.2.3 10.0.0.1 1j 5if 08.5 0777.5
[1,] [,] (1) (1,) () 1, 1,2 ,1 {'a':1} {'a':1,} {1:2} {'a':} 'a''b' 'a'b'c' u'x' ur'x' f'x' 'x 'x" 'x\\'y' '\\x41' '\\u00e9' '\\101' '\\q' r'\\q' '''x''' --5 +-5 -5 -'a' -True
[yes] [[1],[2]] [1 2] ... [...] 1#2 #1 '#' 'a'#b 1+2 1-2 not True1 True, None, -1.5e-7 1e16 123abc abc""".split()
random.seed(4)
words = set(chosen)
while len(words) < 1200:
    words.add("".join(random.choice(pieces) for _ in range(random.randint(1, 6))))


def plain(v):
    if isinstance(v, (list, tuple)):
        return [plain(e) for e in v]
    if isinstance(v, dict):
        if not all(isinstance(k, str) for k in v):
            raise OverflowError
        return {k: plain(e) for k, e in v.items()}
    if v is ...:
        return "..."
    if isinstance(v, (complex, bytes, set)):
        raise OverflowError
    if isinstance(v, int) and not isinstance(v, bool) and abs(v) >= 1 << 63:
        raise OverflowError
    return v


out = {}
for w in sorted(words):
    try:
        out[w] = [plain(ast.literal_eval(w))]
    except (ValueError, SyntaxError, TypeError):
        out[w] = None
    except OverflowError:
        pass
json.dump(out, sys.stdout, indent=0, ensure_ascii=False)
print()
