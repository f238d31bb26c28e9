package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"ticketblue/payments"
	"ticketblue/persistence"
	"ticketblue/ticketing"
)

// What has happened before the demo begins: showings for guests, who paid nothing, and what they thought of them. The
// machine has decided it all, at times that are past.

type demoReview struct {
	rate int
	text string
}

var demoGuests = []string{
	"김서연", "이도윤", "박지우", "최서준", "정하은", "강민재", "조유나", "윤시우", "장예린", "임건우", "한소율", "오태민",
	"서지안", "신이준", "권다인", "황로운", "안채원", "송은호", "류가온", "홍나래", "전이안", "고은별", "문하람", "배주원",
}

var (
	demoPlayReviews = []demoReview{
		{5, "아이가 집에 오는 내내 노래를 불렀어요. 별이 쏟아지는 장면은 잊지 못할 것 같습니다."}, {5, "어른이 더 울고 나왔습니다."},
		{4, "무대가 아름답습니다. 뒷자리는 조금 멀어요."}, {5, "여우 장면만으로도 충분합니다."}, {3, "1막이 조금 길었지만 2막이 다 갚아 줍니다."},
		{4, "Lovely songs, and easy to follow without much Korean."}, {5, "두 번째 봅니다. 세 번째도 볼 거예요."}, {2, "기대가 너무 컸나 봅니다."},
		{4, "오케스트라가 좋았습니다."}, {5, "여섯 살 조카와 함께. 둘 다 별 다섯."}, {4, ""}, {5, "장미의 목소리가 참 좋았습니다."},
		{3, "의자가 딱딱했어요. 공연은 좋았습니다."}, {5, "설명이 필요 없습니다."}, {4, "조명이 정말 예뻤어요."}, {5, "가족과 함께 보기에 더할 나위 없습니다."},
		{4, "The aviator stole the show."}, {5, "마지막 노래에서 객석이 모두 일어났습니다."}, {1, "옆자리가 너무 시끄러웠습니다."}, {5, "다시 보고 싶어요."},
		{4, "짧고 알찹니다."}, {5, "그림책을 그대로 옮겨 놓은 무대였습니다."}, {4, "좌석 간격이 넓어 편했습니다."},
	}
	demoGameReviews = []demoReview{
		{5, "9회말 역전! 목이 다 쉬었습니다."}, {4, "응원이 대단했습니다."}, {2, "갈매기가 졌습니다."}, {5, "1차전부터 이러면 3차전은 어쩌죠."}, {4, "Great seats, great noise."},
	}
)

// guests are accounts that nobody logs in to, and the customer, who comes last.
func (d demo) guests(ctx context.Context, customer string) ([]ticketing.UserID, error) {
	accounts := make([]ticketing.User, len(demoGuests))
	for i, name := range demoGuests {
		accounts[i] = ticketing.User{Name: name, Role: ticketing.Customer}
	}
	guests, err := d.store.CreateUsers(ctx, accounts, nil)
	if err != nil {
		return nil, err
	}
	last, err := d.store.UserByEmail(ctx, customer)
	return append(guests, last.ID), err
}

// demoPlanned is how a round is born: one that people have been to, before its sale opened.
func demoPlanned(r ticketing.RoundInfo) (payload []byte, writer ticketing.WriterID, err error) {
	return firstEvent(demoBirth(r))
}

func demoBirth(r ticketing.RoundInfo) ticketing.Event {
	return ticketing.Event{At: min(ticketing.MillisOf(time.Now()), r.Terms.OpensAt), Fact: ticketing.RoundPlanned{Plan: r.PlanHash, Terms: r.Terms}}
}

// demoHistory lets the guests come to the showings that are past.
func demoHistory(ctx context.Context, b *persistence.Bulk, rounds []ticketing.RoundInfo, plans map[ticketing.Hash]*ticketing.Plan, guests []ticketing.UserID) error {
	i := 0
	for _, s := range demoShows {
		for _, r := range s.rounds {
			if r.past() {
				events, err := attended(rounds[i], plans[rounds[i].PlanHash], guests)
				if err == nil {
					err = b.History(ctx, rounds[i].ID, events)
				}
				if err != nil {
					return fmt.Errorf("the past of round %d: %w", rounds[i].ID, err)
				}
			}
			i++
		}
	}
	return nil
}

// attended are the events of a showing to which each of the guests has taken one seat or two, a quarter of an hour after
// another.
func attended(r ticketing.RoundInfo, plan *ticketing.Plan, guests []ticketing.UserID) (events []ticketing.Event, err error) {
	round, now := ticketing.NewRound(r.ID, plan), r.Terms.OpensAt
	round.Apply(demoBirth(r))
	for i, guest := range guests {
		number, key := uint32(i+1), ticketing.DigestOf("demo", strconv.FormatInt(int64(guest), 10))
		for _, cmd := range []ticketing.Command{
			ticketing.ReserveBest{User: guest, Count: 1 + i%2, Key: key, Body: key},
			ticketing.StartPayment{User: guest, Number: number},
			ticketing.ConfirmPayment{User: guest, Number: number, Attempt: 1, PaymentKey: payments.FreeKey},
			ticketing.ApprovePayment{Number: number, Attempt: 1},
		} {
			made, result := ticketing.Act(round, cmd, now)
			if result.Code != ticketing.OK {
				return nil, fmt.Errorf("guest %d: %T: %s", i, cmd, result.Code)
			}
			events = append(events, made...)
		}
		now = now.Add(15 * time.Minute)
	}
	return events, nil
}

// reviews are written by the guests of each of the demo's shows that has none yet, in the hours after it.
func (d demo) reviews(ctx context.Context) error {
	shows, err := d.store.Performances(ctx, ticketing.PerformanceFilter{}, ticketing.PerformanceCursor{}, len(demoShows))
	if err != nil || d.caughtUp == nil {
		return err
	}
	for _, p := range shows {
		for _, s := range demoShows {
			if s.title != p.Title || len(s.reviews) == 0 || p.Ratings > 0 {
				continue
			}
			if err := d.review(ctx, p, s.reviews); err != nil {
				return fmt.Errorf("reviewing performance %d: %w", p.ID, err)
			}
		}
	}
	return nil
}

func (d demo) review(ctx context.Context, p ticketing.Performance, reviews []demoReview) error {
	rounds, err := d.store.RoundsOf(ctx, p.ID)
	if err != nil || len(rounds) == 0 {
		return err
	}
	first := rounds[0]
	if err := d.caughtUp(ctx, ticketing.RoundStream(first.ID)); err != nil {
		return err
	}
	guests, err := d.store.SearchReservations(ctx, ticketing.ReservationFilter{Title: p.Title, Status: ticketing.Confirmed},
		ticketing.OldestFirst, ticketing.ReservationPlace{}, len(demoGuests))
	if err != nil {
		return err
	}
	for i, g := range guests[:min(len(guests), len(reviews))] {
		if g.ID.Round != first.ID || g.Amount > 0 {
			continue // a customer's own
		}
		at := min(p.Ends(first.StartsAt).Add(time.Duration(i+1)*2*time.Hour), ticketing.MillisOf(time.Now()))
		r := ticketing.Review{PerformanceID: p.ID, User: g.User, Rate: reviews[i].rate, Text: reviews[i].text}
		if _, err := d.store.CreateReview(ctx, r, at); err != nil {
			return err
		}
	}
	return nil
}
