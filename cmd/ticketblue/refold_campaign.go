package main

import (
	"context"
	"slices"
	"strconv"

	"ticketblue/ticketing"
)

type campaignReport struct {
	Campaign  int64          `json:"campaign"`
	Seq       uint64         `json:"seq"`
	Hash      string         `json:"hash"`
	Snapshots int            `json:"snapshots"`
	Stock     int            `json:"stock"` // 0: no limit of its own
	Issued    int            `json:"issued"`
	Reserved  int            `json:"reserved"`
	Redeemed  int            `json:"redeemed"`
	Coupons   []couponReport `json:"coupons"`
}

type couponReport struct {
	ID     string `json:"id"`
	User   int64  `json:"user"`
	Status string `json:"status"`
}

func (r campaignReport) stock() string {
	if r.Stock == 0 {
		return "any number"
	}
	return strconv.Itoa(r.Stock)
}

// campaign verifies a campaign's stream against what is claimed about it and against the read tables, which are read
// before the journal: what they hold is in the journal by then.
func (r *verifyReport) campaign(ctx context.Context, s *store, stream ticketing.Stream, want map[uint64][]claim, snapshots int) error {
	table, projected, err := s.CouponTable(ctx, stream)
	if err != nil {
		return err
	}
	history, err := s.LoadAll(ctx, stream)
	if err != nil {
		r.differs(stream, "its journal does not load: %v", err)
		return ctx.Err()
	}
	x := refoldCampaign(stream, history, want, couponTable{table, projected})
	for _, p := range x.problems {
		r.differs(stream, "%s", p)
	}
	r.Events += x.campaign.Seq
	x.campaign.Snapshots = snapshots
	r.Campaigns = append(r.Campaigns, x.campaign)
	return nil
}

// couponTable is what the table of coupons says, as far as it has followed the journal.
type couponTable struct {
	coupons   []ticketing.CouponState
	projected uint64
}

type refoldedCampaign struct {
	findings
	campaign campaignReport
}

// refoldCampaign is refold for a campaign.
func refoldCampaign(stream ticketing.Stream, history ticketing.History, want map[uint64][]claim, table couponTable) (out refoldedCampaign) {
	id, _ := stream.Campaign()
	out.campaign = campaignReport{Campaign: int64(id), Coupons: []couponReport{}}
	defer func() {
		if p := recover(); p != nil {
			out.differs("event %d does not fit: %v", out.campaign.Seq+1, p)
		}
	}()
	campaign, auditor := ticketing.NewCampaign(id), ticketing.NewCampaignAuditor()
	for _, chunk := range history.Tail {
		events, err := ticketing.DecodeChunk(chunk.Payload)
		if err != nil {
			out.differs("chunk %d-%d: %v", chunk.From, chunk.To, err)
			return out
		}
		for _, e := range events {
			if err := auditor.See(e); err != nil {
				out.differs("event %d: %v", campaign.Seq()+1, err)
			}
			campaign.Apply(e)
			out.campaign.Seq = campaign.Seq()
			out.compare(want, campaign)
			if campaign.Seq() == table.projected {
				out.compareTable(table.coupons, auditor.Coupons())
			}
		}
	}
	out.ahead(want, campaign.Seq())
	if table.projected > campaign.Seq() || table.projected == 0 && len(table.coupons) > 0 {
		out.differs("the read tables are at event %d, the journal ends at %d", table.projected, campaign.Seq())
	}
	out.describe(id, campaign, auditor)
	return out
}

func (x *refoldedCampaign) compareTable(table, coupons []ticketing.CouponState) {
	if slices.Equal(table, coupons) {
		return
	}
	x.differs("at event %d the read tables have %d coupons, the journal %d, and they are not the same", x.campaign.Seq, len(table), len(coupons))
	for i, k := range coupons {
		if i >= len(table) || table[i] != k {
			x.differs("the first: coupon %d of customer %d, %s", k.Number, k.User, k.Status)
			return
		}
	}
}

// describe reports the final state, and compares the machine's coupons with the auditor's.
func (x *refoldedCampaign) describe(id ticketing.CampaignID, campaign *ticketing.Campaign, auditor *ticketing.CampaignAuditor) {
	_, answer := campaign.Decide(ticketing.ReadCampaign{}, campaign.LastAt())
	campaign.Complete(&answer)
	c, st := &x.campaign, answer.Campaign
	c.Hash, c.Stock, c.Issued, c.Reserved, c.Redeemed = ticketing.StateHash(campaign).String(), st.Terms.Stock, st.Issued, st.Reserved, st.Redeemed
	seen := auditor.Coupons()
	if len(seen) != st.Issued {
		x.differs("the machine has issued %d coupons, the auditor saw %d", st.Issued, len(seen))
	}
	for _, k := range seen {
		_, shown := campaign.Decide(ticketing.ReadCoupon{User: k.User, Number: k.Number}, campaign.LastAt())
		campaign.Complete(&shown)
		if shown.Coupon == nil || shown.Coupon.Status != k.Status {
			x.differs("coupon %d of customer %d is %s by the auditor and not by the machine", k.Number, k.User, k.Status)
		}
		c.Coupons = append(c.Coupons, couponReport{ID: ticketing.CouponID{Campaign: id, Number: k.Number}.String(), User: int64(k.User), Status: k.Status.String()})
	}
}
