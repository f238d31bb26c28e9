package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/maypok86/otter/v2"

	"ticketblue/ticketing"
)

// couponDay is 24 hours: coupons live by the hour they were claimed at.
const couponDay = ticketing.Millis(24 * time.Hour / time.Millisecond)

type campaignInput struct {
	ID int64 `path:"id" minimum:"1" example:"3"`
}

type discountBody struct {
	Kind  string `json:"kind" enum:"amount,rate" doc:"So many won off, or so many percent: whole won, a fraction is cut off" example:"rate"`
	Value int64  `json:"value" minimum:"1" maximum:"1000000000" doc:"Won, or percent from 1 to 100" example:"10"`
	Cap   int64  `json:"cap,omitempty" minimum:"1" maximum:"1000000000" doc:"Of a rate, and there it must be: the most won it takes off" example:"30000"`
}

type campaignBody struct {
	ID            int64        `json:"id" example:"3"`
	Name          string       `json:"name" example:"가을맞이 10%"`
	Status        string       `json:"status" enum:"scheduled,open,paused,closed"`
	Stock         int          `json:"stock,omitempty" doc:"Coupons there are; absent when there is no limit" example:"5000"`
	Left          *int         `json:"left,omitempty" doc:"Of them, still to be claimed; absent when there is no limit" example:"188"`
	Issued        int          `json:"issued" example:"4812"`
	Claimable     bool         `json:"claimable" doc:"false: the house gives these coupons, nobody can ask for one"`
	Welcome       bool         `json:"welcome,omitempty" doc:"Lists of admins only. While it is the newest such, every new customer is given a coupon of it"`
	Discount      discountBody `json:"discount"`
	MinimumAmount int64        `json:"minimum_amount" doc:"KRW: orders below this get nothing off" example:"50000"`
	OpensAt       time.Time    `json:"opens_at" example:"2027-03-02T11:00:00Z"`
	ClosesAt      time.Time    `json:"closes_at" doc:"Of the claims; coupons may be used until they expire" example:"2027-05-01T09:30:00Z"`
	ExpiresAt     *time.Time   `json:"expires_at,omitempty" doc:"Of its coupons; or else life_days after the claim"`
	LifeDays      int          `json:"life_days,omitempty" example:"30"`
}

type campaignOutput struct {
	Position string `header:"TB-Position" example:"campaign:3@1234"`
	Body     campaignBody
}

type createCampaignInput struct {
	Body struct {
		Name          string       `json:"name" minLength:"1" maxLength:"200" example:"가을맞이 10%"`
		Stock         int          `json:"stock" minimum:"0" maximum:"5000000" doc:"0: no limit" example:"5000"`
		Claimable     *bool        `json:"claimable,omitempty" doc:"true unless told otherwise"`
		Welcome       bool         `json:"welcome,omitempty" doc:"From now on every new customer is given a coupon of it, in place of an older campaign's"`
		Discount      discountBody `json:"discount"`
		MinimumAmount int64        `json:"minimum_amount,omitempty" minimum:"0" maximum:"1000000000" doc:"KRW" example:"50000"`
		OpensAt       time.Time    `json:"opens_at" example:"2027-03-02T11:00:00Z"`
		ClosesAt      time.Time    `json:"closes_at" doc:"After opens_at, and later than now" example:"2027-05-01T09:30:00Z"`
		ExpiresAt     time.Time    `json:"expires_at,omitempty" doc:"Of all coupons alike, at closes_at or later; or else life_days"`
		LifeDays      int          `json:"life_days,omitempty" minimum:"1" maximum:"3650" doc:"Days from the claim to the expiry; or else expires_at" example:"30"`
	}
}

func (s *Server) campaignRoutes() {
	register(s, operation{
		id: "list-campaigns", method: http.MethodGet, path: "/v1/campaigns", tag: "coupons", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified, http.StatusUnprocessableEntity},
		summary: "See the campaigns whose coupons can be claimed",
		about:   "Newest first, ended ones too. The numbers are a little behind; the campaign itself knows them.",
	}, s.listCampaigns(true))
	register(s, operation{
		id: "get-campaign", method: http.MethodGet, path: "/v1/campaigns/{id}", tag: "coupons", access: Public,
		status: http.StatusOK, summary: "See one campaign, and what is left at this moment", about: aboutOwner,
	}, s.askCampaign(ticketing.ReadCampaign{}))
	register(s, operation{
		id: "list-all-campaigns", method: http.MethodGet, path: "/v1/admin/campaigns", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusNotModified, http.StatusUnprocessableEntity}, summary: "See all campaigns",
	}, s.listCampaigns(false))
	register(s, operation{
		id: "create-campaign", method: http.MethodPost, path: "/v1/admin/campaigns", tag: "admin", access: Admin,
		status: http.StatusCreated, errors: []int{http.StatusUnprocessableEntity}, summary: "Plan a campaign",
		about: "Its terms never change. It opens and closes by itself. Delete and plan anew what is wrong.",
	}, s.createCampaign)
	s.campaignAdminRoutes()
	for verb, command := range map[string]ticketing.Command{
		"open": ticketing.OpenCampaign{}, "pause": ticketing.PauseCampaign{}, "close": ticketing.CloseCampaign{},
	} {
		register(s, operation{
			id: verb + "-campaign", method: http.MethodPost, path: "/v1/admin/campaigns/{id}/" + verb, tag: "admin",
			access: Admin, noBody: true, status: http.StatusOK,
			summary: map[string]string{
				"open": "Open a campaign now, or resume it", "pause": "Pause a campaign", "close": "Close a campaign for good",
			}[verb],
			about: map[string]string{
				"open":  "409 is `campaign_closed`: what is closed stays closed. Open already is fine.",
				"pause": "Coupons that were claimed may still be used. 409 is `campaign_not_open` (`retry_at`: when it opens by itself) or `campaign_closed`. Paused already is fine.",
				"close": "Coupons that were claimed may be used until they expire. Closed already is fine.",
			}[verb] + aboutOwner,
		}, s.askCampaign(command))
	}
}

func (s *Server) listCampaigns(public bool) func(context.Context, *listInput) (*tagged[page[campaignBody]], error) {
	return func(ctx context.Context, in *listInput) (*tagged[page[campaignBody]], error) {
		l := listOf("list-campaigns", public)
		after, err := l.afterID(in.After)
		if err != nil {
			return nil, err
		}
		found, err := s.Campaigns.Campaigns(ctx, public, ticketing.CampaignID(after), in.Limit+1)
		if err != nil {
			return nil, err
		}
		onWire := func(c ticketing.CampaignSummary) campaignBody {
			body := campaignOnWire(c.ID, c.Name, &c.Status)
			body.Welcome = c.Welcome && !public
			return body
		}
		place := func(c ticketing.CampaignSummary) string { return l.cursorOfID(int64(c.ID)) }
		return tag(http.StatusOK, 0, pageOf(found, in.Limit, onWire, place), in.IfNoneMatch)
	}
}

// askCampaign makes the handler of a question or an admin's command to a campaign.
func (s *Server) askCampaign(command ticketing.Command) func(context.Context, *campaignInput) (*campaignOutput, error) {
	return func(ctx context.Context, in *campaignInput) (*campaignOutput, error) {
		id := ticketing.CampaignID(in.ID)
		stream := ticketing.CampaignStream(id)
		result := s.Sales.Do(ctx, stream, command)
		if err := s.refusal(result); err != nil {
			return nil, err
		}
		name, err := s.campaignName(ctx, id)
		gone := errors.Is(err, ticketing.ErrNotFound)
		if err != nil && !gone {
			return nil, err
		}
		body := campaignOnWire(id, name, result.Campaign)
		body.Claimable = body.Claimable && !gone
		return &campaignOutput{positionOf(stream, result.Seq), body}, nil
	}
}

func (s *Server) createCampaign(ctx context.Context, in *createCampaignInput) (*campaignOutput, error) {
	b := in.Body
	kind, _ := ticketing.ParseDiscountKind(b.Discount.Kind)
	terms := ticketing.CampaignTerms{
		Stock: b.Stock, Claimable: b.Claimable == nil || *b.Claimable,
		Discount: ticketing.Discount{
			Kind: kind, Value: b.Discount.Value, Cap: ticketing.KRW(b.Discount.Cap), Minimum: ticketing.KRW(b.MinimumAmount),
		},
		OpensAt: ticketing.MillisOf(b.OpensAt), ClosesAt: ticketing.MillisOf(b.ClosesAt),
		ExpiresAt: ticketing.MillisOf(b.ExpiresAt), LifeMillis: ticketing.Millis(b.LifeDays) * couponDay,
	}
	info := ticketing.CampaignInfo{Name: b.Name, Welcome: b.Welcome, Terms: terms}
	if err := info.Validate(); err != nil {
		return nil, err
	}
	if terms.ClosesAt <= ticketing.MillisOf(s.Clock()) {
		return nil, invalid("closes_at", "later than now")
	}
	if last := max(terms.ClosesAt, terms.ExpiresAt); last > maxMillis {
		return nil, invalid("closes_at", "and expires_at before the year 10000")
	}
	made, err := s.Campaigns.CreateCampaign(ctx, info)
	if err != nil {
		return nil, err
	}
	concerns(ctx, "campaign", made.ID)
	status := ticketing.CampaignStatus{Phase: ticketing.Scheduled, Terms: terms, Left: terms.Limit()}
	body := campaignOnWire(made.ID, made.Name, &status)
	body.Welcome = made.Welcome
	return &campaignOutput{positionOf(ticketing.CampaignStream(made.ID), 1), body}, nil
}

func campaignOnWire(id ticketing.CampaignID, name string, st *ticketing.CampaignStatus) campaignBody {
	t := st.Terms
	body := campaignBody{
		ID: int64(id), Name: name, Status: st.Phase.String(), Stock: t.Stock, Issued: st.Issued, Claimable: t.Claimable,
		Discount: discountOnWire(t.Discount), MinimumAmount: int64(t.Discount.Minimum),
		OpensAt: t.OpensAt.Time(), ClosesAt: t.ClosesAt.Time(), ExpiresAt: moment(t.ExpiresAt),
		LifeDays: int(t.LifeMillis / couponDay),
	}
	if t.Stock > 0 {
		body.Left = &st.Left
	}
	return body
}

func discountOnWire(d ticketing.Discount) discountBody {
	return discountBody{Kind: d.Kind.String(), Value: d.Value, Cap: int64(d.Cap)}
}

// maxCampaignNames bounds how many campaigns' names are kept.
const maxCampaignNames = 1 << 12

type namesCache = otter.Cache[ticketing.CampaignID, string]

func newNamesCache() *namesCache {
	return otter.Must(&otter.Options[ticketing.CampaignID, string]{MaximumSize: maxCampaignNames})
}

// campaignName asks the catalogue once for each campaign; ticketing.ErrNotFound for one that was deleted or that only its owner
// knows.
func (s *Server) campaignName(ctx context.Context, id ticketing.CampaignID) (string, error) {
	return s.names.Get(ctx, id, otter.LoaderFunc[ticketing.CampaignID, string](s.loadCampaignName))
}

func (s *Server) loadCampaignName(ctx context.Context, id ticketing.CampaignID) (string, error) {
	c, err := s.Campaigns.Campaign(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading the name of campaign %d: %w", id, err)
	}
	if c.Deleted {
		return "", ticketing.ErrNotFound
	}
	return c.Name, nil
}
