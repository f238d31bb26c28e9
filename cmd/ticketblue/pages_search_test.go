package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// onSaleAndComing: the first page tells what is on sale from what is not, and follows a pause.
func (th *theatre) onSaleAndComing(t *testing.T, b *browser) {
	show := mustAsk(t, http.StatusOK, "GET", fmt.Sprintf("%s/v1/performances/%d", th.url, th.show), "", nil).body
	hall, _ := show["hall"].(map[string]any)
	a := mustAsk(t, http.StatusCreated, "POST", th.url+"/v1/admin/performances", th.admin, map[string]any{
		"title": "새벽 음악회", "category": "concert", "hall_id": hall["id"], "duration_minutes": 60, "prices": show["prices"], "from": show["from"], "to": show["to"],
	})
	w := b.open(t, th.url, 1280, 900)
	w.visit("/")
	shown := func(onSale, coming string) {
		t.Helper()
		w.until(fmt.Sprintf(`fetch("/v1/performances?on_sale=true").then(r => r.json()).then(p => p.items?.map(i => i.title).join() === %s)`, quoted(onSale)))
		w.reload()
		w.until(fmt.Sprintf(`[...document.querySelectorAll(".shows")].map(list => [...list.querySelectorAll(".show-text strong")].map(e => e.innerText).join()).join(" | ") === %s`,
			quoted(onSale+" | "+coming)))
	}
	shown("밤의 노래", "새벽 음악회")
	w.untilText("h2", "다가오는 공연")
	act := fmt.Sprintf("%s/v1/admin/rounds/%d/", th.url, th.round)
	mustAsk(t, http.StatusOK, "POST", act+"pause", th.admin, nil)
	shown("", "밤의 노래,새벽 음악회")
	w.untilText(".hint", "지금 예매 중인 공연이 없습니다")
	mustAsk(t, http.StatusOK, "POST", act+"open", th.admin, nil)
	shown("밤의 노래", "새벽 음악회")
	mustAsk(t, http.StatusNoContent, "DELETE", fmt.Sprintf("%s/v1/admin/performances/%.0f", th.url, a.body["id"]), th.admin, nil, "If-Match", a.header.Get("ETag"))
}

// searches looks for something by keyboard alone, half a syllable at a time, and narrows what was found.
func (th *theatre) searches(t *testing.T, b *browser) {
	w := b.open(t, th.url, 1280, 900)
	w.visit("/")
	w.enter("#search", "ㅂㅇㄴ")
	w.untilText("#suggestions [role=option]", "밤의 노래")
	w.press(kb.ArrowDown)
	w.until(`document.querySelector("#search").getAttribute("aria-activedescendant") === "suggestion-0"`)
	w.press(kb.Escape)
	w.until(`document.querySelector("#suggestions").hidden`)
	w.press(kb.Enter) // nothing is spelled so: what begins so is offered instead
	w.untilText("#found .hint", "이것을 찾으셨나요")
	w.untilText("#meant li", "밤의 노래")
	w.tabTo("#meant a", false)
	w.press(kb.Enter)
	w.untilText("h1", "밤의 노래")
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

	for i := range 21 { // one more than a page
		mustAsk(t, http.StatusCreated, "POST", th.url+"/v1/admin/performers", th.admin, map[string]any{"name": fmt.Sprintf("다수배우 %02d", i)})
	}
	w.until(`fetch("/v1/search?kind=performer&q=" + encodeURIComponent("다수배우")).then(r => r.json()).then(a => a.performers.count === 21)`)
	w.visit("/search?q=%EB%8B%A4%EC%88%98%EB%B0%B0%EC%9A%B0")
	w.until(`document.querySelectorAll("#found .names li").length === 20`)
	w.click("#found .more button")
	w.until(`document.querySelectorAll("#found .names li").length === 21 && !document.querySelector("#found .more button")`)
}
