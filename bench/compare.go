package main

import (
	"errors"
	"io"
	"maps"
	"slices"

	"ticketblue/bench/report"
)

// Compare is the command's arguments.
type Compare struct {
	First  string `arg:"" type:"existingfile" help:"File written by run --json or peers --json."`
	Second string `arg:"" type:"existingfile" help:"Another one."`
}

func (c *Compare) run(out io.Writer) error {
	first, err := report.ReadFigures(c.First)
	if err != nil {
		return err
	}
	second, err := report.ReadFigures(c.Second)
	if err != nil {
		return err
	}
	both := slices.DeleteFunc(slices.Sorted(maps.Keys(first)), func(name string) bool {
		_, there := second[name]
		return !there
	})
	if len(both) == 0 {
		return errors.New("the two files have no workload in common")
	}
	report.WriteDifference(out, first, second, both)
	return nil
}
