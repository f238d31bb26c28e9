package jobs

import (
	"fmt"
	"time"
)

// seoul is where a calendar day matters. It has had no summer time since 1988, so the machine needs no table of zones.
var seoul = time.FixedZone("Asia/Seoul", 9*60*60)

// Calendar is the moments at which something is due: a time of day in Seoul, on every day or on one of each month.
type Calendar struct {
	MonthDay int // 1..28; 0: every day
	Hour     int
	Minute   int
}

// Daily is due every day at a time of day in Seoul.
func Daily(hour, minute int) Calendar { return Calendar{Hour: hour, Minute: minute} }

// Monthly is due on one day of each month, 1 to 28, at a time of day in Seoul.
func Monthly(day, hour, minute int) Calendar {
	return Calendar{MonthDay: day, Hour: hour, Minute: minute}
}

// Last is the newest moment that is not after t.
func (c Calendar) Last(t time.Time) time.Time {
	at := c.of(t)
	for at.After(t) {
		at = c.step(at, -1)
	}
	return at
}

// Next is the first moment after t.
func (c Calendar) Next(t time.Time) time.Time {
	at := c.of(t)
	for !at.After(t) {
		at = c.step(at, 1)
	}
	return at
}

// of is the moment in the day or month of t.
func (c Calendar) of(t time.Time) time.Time {
	t = t.In(seoul)
	day := t.Day()
	if c.MonthDay != 0 {
		day = c.MonthDay
	}
	return time.Date(t.Year(), t.Month(), day, c.Hour, c.Minute, 0, 0, seoul)
}

func (c Calendar) step(at time.Time, by int) time.Time {
	if c.MonthDay != 0 {
		return at.AddDate(0, by, 0)
	}
	return at.AddDate(0, 0, by)
}

// String is the calendar in words: "daily 10:00", "monthly 1st 04:00".
func (c Calendar) String() string {
	if c.MonthDay == 0 {
		return fmt.Sprintf("daily %02d:%02d", c.Hour, c.Minute)
	}
	suffix := "th"
	if of := map[int]string{1: "st", 2: "nd", 3: "rd"}; c.MonthDay%10 < 4 && c.MonthDay/10 != 1 && c.MonthDay%10 != 0 {
		suffix = of[c.MonthDay%10]
	}
	return fmt.Sprintf("monthly %d%s %02d:%02d", c.MonthDay, suffix, c.Hour, c.Minute)
}
