"""Every user document has a Chinese twin with the same commands, figures and pictures."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ENGLISH_ONLY = {"architecture.md"}  # for those who change the code
BILINGUAL = {"glossary.md"}
USER_PAGES = sorted(page.name for page in DOCS.glob("*.md") if page.name not in ENGLISH_ONLY | BILINGUAL)
TWINS = {f"docs/{name}": f"docs/zh/{name}" for name in USER_PAGES} | {"README.md": "README.zh-CN.md"}

FIGURE = re.compile(r"(?<![A-Za-z0-9.])(?<![A-Za-z]-)[+-]?\d+(?:\.\d+)*")
COMMENT = re.compile(r'(?:^|\s+)#\s.*$|^\s*"""[^"]*"""$')
INLINE = re.compile(r"`([^`]+)`")
NOT_PROSE = re.compile(r"`[^`]+`|\]\([^)]*\)|<!--.*?-->")
PICTURE = re.compile(r"!\[[^\]]*\]\((?:[^)]*/)?([^/)]+)\)")
KINDS = ("figure", "command", "inline code", "picture")
PLACEHOLDERS = {"文件夹": "DIR", "文件": "FILE", "名称": "NAME", "命令": "VERB", "答案": "answer"}
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")


@pytest.mark.parametrize(("english", "chinese"), TWINS.items())
def test_same_commands_and_figures(english, chinese):
    assert (ROOT / chinese).exists(), f"{english} has no Chinese twin: write {chinese}"
    assert not (found := differences(english, chinese)), "\n".join(found)


@pytest.mark.parametrize(("english", "chinese"), TWINS.items())
def test_links_lead_somewhere_and_to_the_other_language(english, chinese):
    for page, other in ((english, chinese), (chinese, english)):
        path = ROOT / page
        links = [link for link in re.findall(r"\]\(([^)\s]+)\)", without_code(path)) if "://" not in link]
        targets = [(path.parent / link.partition("#")[0]).resolve() if link[0] != "#" else path for link in links]
        assert (ROOT / other).resolve() in targets[:1], f"{page}: the first link must lead to {other}"
        for link, target in zip(links, targets, strict=True):
            assert target.exists(), f"{page}: no file {link}"
            anchor = link.partition("#")[2]
            assert not anchor or anchor in anchors(target), f"{page}: no heading {link}"


def test_chinese_pages_link_chinese_pages():
    for name in TWINS.values():
        links = re.findall(r"\]\(([^)#\s]+\.md)", without_code(ROOT / name))
        wrong = [link for link in links[1:] if str(((ROOT / name).parent / link).resolve().relative_to(ROOT)) in TWINS]
        assert not wrong, f"{name} links English pages that have a Chinese twin: {', '.join(wrong)}"


@pytest.mark.parametrize(("readme", "folder"), [("README.md", "docs"), ("README.zh-CN.md", "docs/zh")])
def test_each_readme_links_every_page_in_its_language(readme, folder):
    text = (ROOT / readme).read_text(encoding="utf-8")
    left = [name for name in USER_PAGES if f"]({folder}/{name}" not in text]
    assert not left, f"{readme} has no link to {folder}/{', '.join(left)}"


def test_no_chinese_page_is_left_alone():
    left = {page.name for page in (DOCS / "zh").glob("*.md")} - set(USER_PAGES)
    assert not left, f"docs/zh has pages without an English twin in docs: {', '.join(sorted(left))}"


def test_a_changed_figure_or_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "a.md").write_text("# A\n\n2,000 on 26 November 2026.\n\n```sh\nls -l  # all\n```\n", encoding="utf-8")
    (tmp_path / "b.md").write_text("# 甲\n\n2026 年 11 月 26 日，2000。\n\n```sh\nls -l  # 全部\n```\n", encoding="utf-8")
    assert differences("a.md", "b.md") == []
    (tmp_path / "b.md").write_text("# 甲\n\n2026 年 11 月 26 日，3000。\n\n```sh\nls\n```\n", encoding="utf-8")
    assert differences("a.md", "b.md") == [
        "a.md, line 3: figure 2000 not in b.md (section of line 1)",
        "b.md, line 3: figure 3000 not in a.md (section of line 1)",
        "a.md, line 6: command ls -l not in b.md (section of line 1)",
        "b.md, line 6: command ls not in a.md (section of line 1)",
    ]


def differences(english: str, chinese: str) -> list[str]:
    """What differs between two pages, section by section, a line each."""
    here, there = sections(ROOT / english), sections(ROOT / chinese)
    if [section["level"] for section in here] != [section["level"] for section in there]:
        return [f"{english} and {chinese} have other headings:\n  {titles(here)}\n  {titles(there)}"]
    found = []
    for ours, theirs in zip(here, there, strict=True):
        for kind in KINDS:
            for page, one, other in ((english, ours, theirs), (chinese, theirs, ours)):
                left = Counter(item for item, _ in one[kind]) - Counter(item for item, _ in other[kind])
                lines = {item: line for item, line in one[kind] if item in left}
                not_in = f"not in {chinese if page == english else english} (section of line {other['line']})"
                found += [f"{page}, line {line}: {kind} {item} {not_in}" for item, line in lines.items()]
    return found


def sections(path: Path) -> list[dict]:
    """For each heading its level, title and line, and what stands below it, by kind, with its lines."""
    found, prose, language = [section(0, "", 1)], [[]], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        heading = re.match("(#+) (.*)", line) if language is None else None
        if heading:
            found.append(section(len(heading[1]), heading[2], number))
            prose.append([])
        prose[-1].append("")
        if line.startswith("```"):
            language = line[3:] if language is None else None
        elif is_command(line, language):
            found[-1]["command"] += [(code, number) for code in [COMMENT.sub("", line).strip()] if code]
        else:
            prose[-1][-1] = line.replace("`", "") if language is not None else line
    for one, lines in zip(found, prose, strict=True):
        text = "\n".join(lines)
        first = one["line"]
        one["inline code"] = sorted({plain(code[1]): line for code, line in matches(INLINE, text, first)}.items())
        one["picture"] = [(name[1], line) for name, line in matches(PICTURE, text, first)]
        text = NOT_PROSE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        one["figure"] = [(item, first + row) for row, line in enumerate(text.split("\n")) for item in figures(line)]
    return found


def section(level: int, title: str, line: int) -> dict:
    return {"level": level, "title": title, "line": line} | {kind: [] for kind in KINDS}


def matches(pattern: re.Pattern, text: str, first: int) -> list[tuple[re.Match, int]]:
    """Each match with its line, the first line of the text having the given number."""
    return [(match, first + text.count("\n", 0, match.start())) for match in pattern.finditer(text)]


def plain(code: str) -> str:
    """Inline code on one line, its Chinese placeholders (--out 文件) as in English (--out FILE)."""
    for chinese, english in PLACEHOLDERS.items():
        code = code.replace(chinese, english)
    return " ".join(code.split())


def is_command(line: str, language: str | None) -> bool:
    """Whether a line is code: of a block in a named language, indented, or a call of icdbase."""
    return line.startswith("    ") if language is None else bool(language) or line.startswith("icdbase ")


def figures(text: str) -> list[str]:
    """Numbers of a text; dates, thousands and millions (50 million, 5000 万) written in one way."""
    for month, name in enumerate(MONTHS, 1):
        text = re.sub(rf"(\d+) {name} (\d{{4}})", rf"\2 {month} \1", text)
        text = re.sub(rf"\b{name} (\d{{4}})", rf"\1 {month}", text)
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    return FIGURE.findall(re.sub(r"(?<=\d) million\b", "000000", re.sub(r"(?<=\d) ?万", "0000", text)))


def titles(some) -> str:
    return " | ".join("#" * one["level"] + " " + one["title"] for one in some[1:])


def without_code(path: Path) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall("^#+ (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
