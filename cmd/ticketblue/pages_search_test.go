package main

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// TestSearchPages looks for something by keyboard alone, half a syllable at a time, and narrows what was found.
func TestSearchPages(t *testing.T) {
	th := openTheatre(t)
	w := startBrowser(t, "ko-KR").open(t, th.url, 1280, 900)
	w.visit("/")
	w.enter("#search", "ㅂㅇㄴ")
	w.untilText("#suggestions [role=option]", "밤의 노래")
	w.press(kb.ArrowDown)
	w.until(`document.querySelector("#search").getAttribute("aria-activedescendant") === "suggestion-0"`)
	w.press(kb.Escape)
	w.until(`document.querySelector("#suggestions").hidden`)
	w.visit("/")
	w.enter("#search", "밤의ㄴ")
	w.untilText("#suggestions [role=option]", "밤의 노래")
	w.press(kb.ArrowDown, kb.Enter)
	w.untilText("h1", "밤의 노래")

	w.visit("/search?q=%EB%85%B8%EB%9E%98") // 노래
	w.untilText("#found mark", "노래")
	w.untilText("#found .show-text", "작은 극장")
	w.choose("#category", "concert")
	w.untilText("#found .hint", "찾은 것이 없습니다")
	w.choose("#category", "musical")
	w.untilText("#found mark", "노래")
	w.click("#on-sale")
	w.untilText("#found mark", "노래")
	w.enter("#search", " <b>없음</b>")
	w.press(kb.Enter)
	w.untilText("#found .hint", "찾은 것이 없습니다")
}
