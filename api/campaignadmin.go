package api

import (
	"context"
	"net/http"
	"strconv"

	"ticketblue/ticketing"
)

type giveInput struct {
	ID   int64 `path:"id" minimum:"1" example:"3"`
	User int64 `path:"user" minimum:"1" example:"7"`
}

type giveOutput struct {
	Position string `header:"TB-Position" example:"campaign:3@1234"`
	Replayed string `header:"Idempotency-Replayed" doc:"true: this customer had one before"`
	Body     couponBody
}

type renameCampaignInput struct {
	ID   int64 `path:"id" minimum:"1" example:"3"`
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200" example:"가을맞이 10%"`
	}
}

func (s *Server) campaignAdminRoutes() {
	register(s, operation{
		id: "give-coupon", method: http.MethodPut, path: "/v1/admin/campaigns/{id}/coupons/{user}", tag: "admin", access: Admin,
		noBody: true, status: http.StatusOK, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
		summary: "Give a customer a coupon",
		about: "To make up for something, or of a campaign that nobody can claim from. A customer who has one keeps it, and the answer " +
			"shows it. 409 is the first that applies of `campaign_not_open` (`retry_at`: when it opens), `campaign_paused`, " +
			"`campaign_closed`, `coupons_gone`." + aboutOwner,
	}, s.giveCoupon)
	register(s, operation{
		id: "rename-campaign", method: http.MethodPut, path: "/v1/admin/campaigns/{id}", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity}, summary: "Give a campaign another name",
		about: "Nothing else of it can be changed: customers rely on its terms." + aboutOwner,
	}, s.renameCampaign)
	register(s, operation{
		id: "delete-campaign", method: http.MethodDelete, path: "/v1/admin/campaigns/{id}", tag: "admin", access: Admin,
		status: http.StatusNoContent, errors: []int{http.StatusConflict}, summary: "Delete a campaign of which nobody ever had a coupon",
		about: "409 is `has_coupons`: close it instead. Asked for by its id, a deleted campaign is closed, and its coupons are not `claimable`." + aboutOwner,
	}, s.deleteCampaign)
}

func (s *Server) giveCoupon(ctx context.Context, in *giveInput) (*giveOutput, error) {
	user := ticketing.UserID(in.User)
	if _, err := s.Accounts.User(ctx, user); err != nil {
		return nil, err
	}
	stream := ticketing.CampaignStream(ticketing.CampaignID(in.ID))
	result := s.Sales.Do(ctx, stream, ticketing.GiveCoupon{User: user})
	if err := s.refusal(result); err != nil {
		return nil, err
	}
	concerns(ctx, "coupon", result.Coupon.ID)
	out := &giveOutput{Position: positionOf(stream, result.Seq), Body: couponBody{factsOnWire(result.Coupon), result.Seq}}
	if result.Replayed {
		out.Replayed = strconv.FormatBool(true)
	}
	return out, nil
}

func (s *Server) renameCampaign(ctx context.Context, in *renameCampaignInput) (*campaignOutput, error) {
	id, info := ticketing.CampaignID(in.ID), ticketing.CampaignInfo{Name: in.Body.Name}
	if err := info.CheckName(); err != nil {
		return nil, err
	}
	if err := s.Campaigns.SetCampaignName(ctx, id, info.Name); err != nil {
		return nil, err
	}
	s.names.Invalidate(id)
	return s.askCampaign(ticketing.ReadCampaign{})(ctx, &campaignInput{in.ID})
}

func (s *Server) deleteCampaign(ctx context.Context, in *campaignInput) (*struct{}, error) {
	id := ticketing.CampaignID(in.ID)
	err := s.Campaigns.DeleteCampaign(ctx, id, func() error {
		return s.refusal(s.Sales.Do(ctx, ticketing.CampaignStream(id), ticketing.DropCampaign{}))
	})
	s.names.Invalidate(id)
	return nil, err
}
