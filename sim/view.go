package sim

import "ticketblue/actors"

// mirrorAfter is after how many refusals within a second a shell has a durable view, by seed.
var mirrorAfter = [...]int{1, 2, 1000}

const viewSilent = 500 // ms without a word from the journal, then the view is silent too: as in actors

// mirror keeps the durable view, as the cell does; sometimes somebody looks at it, and it falls behind.
func (p *process) mirror(e *actors.Mirror) {
	switch {
	case e.Machine != nil:
		p.view, p.behind = e.Machine, nil
	case len(e.Events) > 0 && p.view != nil:
		p.behind = append(p.behind, e.Events...)
		if (p.view.Seq()+p.w.seed)%4 != 0 || len(p.behind) > 8 {
			p.catchUp()
		}
	default:
		p.view, p.behind = nil, nil
	}
}

func (p *process) catchUp() {
	for _, e := range p.behind {
		p.view.Apply(e)
	}
	p.behind = nil
	p.view.NextDeadline()
}

// refuse asks the durable view, as the system does.
func (p *process) refuse(r *request) bool {
	if p.view == nil || p.draining {
		return false
	}
	result, refused := p.view.Refuse(r.op.cmd, p.wall())
	durable, _ := p.shell.Durable()
	since := p.shell.Silent()
	switch {
	case !refused:
		return false
	case result.Seq != durable && p.w.planted != viewBehind:
		return false
	case since != 0 && since <= p.wall()-viewSilent, !p.owned():
		return false
	}
	r.viewed = true
	r.reply(p, result)
	return true
}
