"""Random JSON Schemas for scripts/check-schemas, each with a value that is valid by it: made for the value, so that no
schema asks for what cannot be."""
import decimal
import json
import random
import re
import uuid

from jsonschema import Draft202012Validator

decimal.getcontext().prec = 300
FORMATS = ["date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"]
PATTERNS = ["^[a-z]+$", "[0-9]", "^.{0,60}$", "^[A-Z][a-z]*", "^(foo|bar|baz)+$", "a.c", "^é*ü+$", "\\d{3}$", "^$", "^[^<>]{2,60}$",
            "^[A-Z]{2}-[0-9]{4}$", "^[^\\n\"]*$", "^(a|ab)(c|bcd)*$", "[aeiou]{2}", "^\\u0041", "é|ß", "^\\$[0-9]+(\\.[0-9]{2})?$", "\\\\",
            "^[^a-z]*$", "^a{0,3}b{2,}c?$", "(ab|cd){1,50}$", "^.*o.*r.*$", "^[\\w .-]+$", "-", "^[a-zA-Z0-9_]{1,300}$", "^(x|y){2,}?z*$",
            "^[^\\x00-\\x1f]*$", "[\\u4e00-\\u9fff]", "^(?:[a-z]+ ?)+$", "\\S"]
NAMES = ["a", "b", "name", "id", "é", "x y", "q\"t", "née", "list", "long_property_name", "x_1", "x_two", "", "日本", "A"]
OTHER_SCHEMAS = [True, {}, {"type": "null"}, {"type": "string"}, {"type": "integer"}, {"type": "object"}, {"type": "array"}]


def exact(value):
    """With decimal fractions, as jsonschema's multipleOf is wrong for binary ones."""
    return json.loads(json.dumps(value), parse_float=decimal.Decimal)


def is_valid(schema, value):
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(exact(schema), format_checker=checker).is_valid(exact(value))


def kind(value):
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object", type(None): "null"}
    return names[type(value)]


class RandomSchemas:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, p):
        return self.random.random() < p

    def document(self):
        """A schema, and a value that is valid by it."""
        while True:
            self.defs = {}
            value = self.value(3)
            schema = self.schema(value, 4)
            if isinstance(schema, dict) and self.defs:
                schema = {**schema, "$defs": self.defs}
            # What is invalid by mistake, as where two alternatives of oneOf hold, is left out.
            if isinstance(schema, dict) and is_valid(schema, value):
                return schema, value

    # Values

    def value(self, depth):
        r = self.random
        makers = [self.text, self.text, self.number, self.number, lambda: r.choice([True, False, None])]
        if depth > 0:
            makers += [lambda: self.object(depth)] * 4 + [lambda: self.list(depth)] * 3
        return r.choice(makers)()

    def number(self):
        r = self.random
        return r.choice([0, r.randrange(-9, 10), r.randrange(-1000, 1000), r.randrange(10**6), r.randrange(-10**12, 10**12),
                         round(r.uniform(-50, 50), 3), r.randrange(-400, 400) / 4, round(r.uniform(0, 1), 2)])

    def text(self):
        r = self.random
        word = lambda letters, most: "".join(r.choice(letters) for _ in range(r.randrange(most)))
        host = f"{word('abcxyz019', 8)}a.example"
        day = f"{r.randrange(1, 9999):04}-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}"
        clock = f"{r.randrange(24):02}:{r.randrange(60):02}:{r.randrange(60):02}{r.choice(['', '.5', '.123456'])}{r.choice(['Z', '+02:00'])}"
        return r.choice([
            "", word("abcdefghijklmnopqrstuvwxyz", 12), word("abcABC 019_.-", 40), word("aeéüß日本語😀 ", 10), word("\"\\\n\t\x01/ab", 6),
            word("ab", 9) + "c", "foo" * r.randrange(1, 4) + "bar", "A" + word("abc", 4), "AB-1234", "$12.50", "abcbcdc", day, clock,
            f"{day}T{clock}", str(uuid.UUID(int=r.getrandbits(128))), f"{word('abc', 5)}x@{host}", host, "192.168.0.1", "fe80::1",
            f"https://{host}/{word('abc/', 6)}", "P1Y2M3DT4H", "é" * r.randrange(3) + "ü", "x" * r.randrange(2, 200),
            "several words behind one another"])

    def list(self, depth):
        r = self.random
        if self.chance(.5):
            return [self.value(depth - 1) for _ in range(r.randrange(4))]
        return [r.choice([self.number, self.text])()] * r.randrange(6)

    def object(self, depth):
        return {name: self.value(depth - 1) for name in self.random.sample(NAMES, self.random.choice([0, 1, 1, 2, 2, 3, 4]))}

    # Schemas for them

    def schema(self, value, depth):
        """One that the value is valid by."""
        r = self.random
        if depth <= 0 or self.chance(.45):
            return self.keywords(value, depth)
        return r.choice([self.any_of, self.one_of, self.all_of, self.reference, self.recursive, self.listed, self.free])(value, depth)

    def other(self, depth):
        return self.random.choice(OTHER_SCHEMAS) if self.chance(.3) else self.schema(self.value(depth - 1), depth - 1)

    def free(self, value, depth):
        return self.random.choice([True, {}, {"title": "anything", "description": "whatever", "default": 1}])

    def listed(self, value, depth):
        if self.chance(.3):
            return {"const": value}
        values = [value] + [self.value(1) for _ in range(self.random.randrange(4))]
        self.random.shuffle(values)
        return {"enum": values, **({"type": self.types(value)} if self.chance(.2) else {})}

    def any_of(self, value, depth):
        ways = [self.schema(value, depth - 1)] + [self.other(depth) for _ in range(self.random.randrange(3))]
        self.random.shuffle(ways)
        return {"anyOf": ways, **(self.keywords(value, depth - 1) if self.chance(.2) else {})}

    def all_of(self, value, depth):
        parts = [self.schema(value, depth - 1) for _ in range(self.random.randrange(1, 4))]
        return {"allOf": parts, **(self.keywords(value, depth - 1) if self.chance(.3) else {})}

    def one_of(self, value, depth):
        """Alternatives of which only one can hold, as they differ in type, in what they list, in ranges or in a tag."""
        r = self.random
        if isinstance(value, dict) and self.chance(.6):
            return self.tagged(value, depth)
        ways = [self.typed(value, depth)]
        if kind(value) == "number" and self.chance(.5):
            step = r.choice([1, 2.5, 1000])
            ways = [{**ways[0], "minimum": value - step, "maximum": value + step}, {"type": "number", "exclusiveMinimum": value + step},
                    {"type": "integer", "exclusiveMaximum": value - step}]
        else:
            others = [v for v in (self.value(2) for _ in range(3)) if kind(v) != kind(value)]
            ways += [self.typed(v, depth - 1) for v in {kind(v): v for v in others}.values()]
        r.shuffle(ways)
        return {"oneOf": ways}

    def tagged(self, value, depth):
        ways = []
        for tag, v in [("this", value), ("other", self.object(1)), ("third", {})]:
            schema = self.typed({"tag": tag, **v}, depth - 1)
            properties = {"tag": {"const": tag}, **{n: s for n, s in schema.get("properties", {}).items() if n != "tag"}}
            ways.append({**schema, "properties": properties, "required": list({"tag": 0, **dict.fromkeys(schema.get("required", []))})})
        value["tag"] = "this"
        self.random.shuffle(ways)
        return {"oneOf": ways}

    def reference(self, value, depth):
        number = len(self.defs)
        name = f"d{number}~/é"
        self.defs[name] = {}
        schema = self.defs[name] = self.schema(value, depth - 1)
        if isinstance(schema, dict) and self.chance(.3):
            self.defs[name] = {**schema, "$anchor": f"anchor{number}"}
            return {"$ref": f"#anchor{number}"}
        pointer = name.replace("~", "~0").replace("/", "~1").replace("é", "%C3%A9")
        return {"$ref": "#/$defs/" + pointer, **(self.keywords(value, depth - 1) if self.chance(.3) else {})}

    def recursive(self, value, depth):
        """The value, or a list or an object that this schema describes."""
        name = f"r{len(self.defs)}"
        self.defs[name] = {}
        here = {"$ref": f"#/$defs/{name}"}
        more = self.random.choice([
            {"type": "array", "items": here, "maxItems": 3},
            {"type": "object", "properties": {"left": here, "right": here}, "required": ["left"], "additionalProperties": False},
            {"type": "object", "additionalProperties": here, "maxProperties": 2},
            {"type": "array", "prefixItems": [{"type": "integer"}, here], "items": False}])
        self.defs[name] = {"anyOf": [self.schema(value, depth - 1), more]}
        return here

    # Keywords

    def types(self, value):
        names = [kind(value)]
        if type(value) is int and self.chance(.6):
            names = ["integer"]
        return names[0] if self.chance(.7) else self.random.sample(names + ["null"] * (names != ["null"]), len(names) + (names != ["null"]))

    def typed(self, value, depth):
        name = "integer" if type(value) is int and self.chance(.5) else kind(value)
        return {**self.keywords(value, depth), "type": name}

    def keywords(self, value, depth):
        schema = {"type": self.types(value)} if self.chance(.85) else {}
        of = {"number": self.of_number, "string": self.of_string, "array": self.of_array, "object": self.of_object}.get(kind(value))
        return {**schema, **(of(value, depth) if of else {})}

    def some(self, **keywords):
        """Each of them perhaps."""
        return {name: value for name, value in keywords.items() if self.chance(.35)}

    def of_number(self, value, depth):
        r = self.random
        far = r.choice([0, 1, 2.5, 100, 10**6])
        near = far + r.choice([1, 0.5])
        schema = {**self.some(minimum=value - far, exclusiveMinimum=value - near), **self.some(maximum=value + far, exclusiveMaximum=value + near)}
        grids = [g for g in (1, 2, 3, 7, 10, 0.5, 0.25, 0.1, 0.01, 0.001, 1.5) if decimal.Decimal(str(value)) % decimal.Decimal(str(g)) == 0]
        return {**schema, **(self.some(multipleOf=r.choice(grids)) if grids else {})}

    def of_string(self, value, depth):
        r = self.random
        length = len(value)
        schema = self.some(minLength=max(0, length - r.choice([0, 0, 1, 5])), maxLength=length + r.choice([0, 1, 5, 50, 1000]))
        # ECMAScript's $ is the end alone, and its \\w is ASCII.
        patterns = [p for p in PATTERNS if re.search(p.replace("$", r"\Z") if p.endswith("$") else p, value, re.ASCII)]
        # No format holds a line's end, whatever jsonschema's checkers say of one behind a hostname or a time.
        formats = [f for f in FORMATS if "\n" not in value and is_valid({"format": f}, value)
                   and (f != "uri" or "://" in value)]
        if formats and self.chance(.7):
            schema["format"] = r.choice(formats)
        return {**schema, **(self.some(pattern=r.choice(patterns)) if patterns else {})}

    def of_array(self, value, depth):
        r = self.random
        prefix = r.randrange(len(value) + 1) if self.chance(.4) else 0
        schema = {"prefixItems": [self.schema(v, depth - 1) for v in value[:prefix]]} if prefix else {}
        if self.chance(.8):
            schema["items"] = self.for_all(value[prefix:], depth)
        return {**schema, **self.some(minItems=r.randrange(len(value) + 1), maxItems=len(value) + r.choice([0, 1, 3, 100]))}

    def for_all(self, values, depth):
        """What all of the values are valid by."""
        different = {json.dumps(v): v for v in values}.values()
        if not different:
            return False if self.chance(.5) else self.other(depth)
        ways = [self.schema(v, depth - 1) for v in different]
        return ways[0] if len(ways) == 1 else {"anyOf": ways}

    def of_object(self, value, depth):
        r = self.random
        listed = [name for name in value if self.chance(.8)]
        schema = {}
        if listed or self.chance(.5):
            extra = {n: self.other(depth) for n in r.sample(NAMES, 2) if n not in value} if self.chance(.4) else {}
            schema["properties"] = {**{n: self.schema(value[n], depth - 1) for n in listed}, **extra}
        if self.chance(.6):
            schema["required"] = [n for n in value if self.chance(.7)]
        if self.chance(.15):
            pattern = r.choice(["^x_", "^[a-z]+$", "e", "^.$"])
            schema["patternProperties"] = {pattern: self.for_all([v for n, v in value.items() if re.search(pattern, n)], depth)}
        if self.chance(.6):
            matched = list(schema.get("patternProperties", {}))
            rest = [v for n, v in value.items() if n not in schema.get("properties", {}) and not any(re.search(p, n) for p in matched)]
            schema["additionalProperties"] = False if not rest and self.chance(.6) else self.for_all(rest, depth)
        if self.chance(.1):
            longest = max((len(n) for n in value), default=0)
            schema["propertyNames"] = r.choice([{"maxLength": longest + 3}, {"pattern": "^[^ ]*$"}, {"minLength": 1}, True])
            if not is_valid({"propertyNames": schema["propertyNames"]}, value):
                del schema["propertyNames"]
        least, most = r.randrange(len(value) + 1), len(value) + r.choice([0, 1, 3])
        if self.chance(.15):
            schema.update(self.some(minProperties=least, maxProperties=most))
        return schema
