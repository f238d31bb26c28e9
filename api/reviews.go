package api

import (
	"context"
	"net/http"
	"time"

	"ticketblue/ticketing"
)

type reviewFields struct {
	Rate int    `json:"rate" minimum:"0" maximum:"5" example:"5"`
	Text string `json:"text,omitempty" maxLength:"1000" example:"다시 보고 싶어요"`
}

type createReviewInput struct {
	ID   int64 `path:"id" minimum:"1" doc:"Of the performance" example:"1"`
	Body reviewFields
	AfterPosition
}

type updateReviewInput struct {
	ID int64 `path:"id" minimum:"1" example:"12"`
	Expecting
	Body reviewFields
}

type reviewBody struct {
	ID            int64      `json:"id" example:"12"`
	PerformanceID int64      `json:"performance_id" example:"1"`
	Rate          int        `json:"rate" example:"5"`
	Text          string     `json:"text" example:"다시 보고 싶어요"`
	CreatedAt     time.Time  `json:"created_at" example:"2027-03-02T11:00:07Z"`
	EditedAt      *time.Time `json:"edited_at,omitempty"`
	Version       int64      `json:"version" doc:"Counts its changes" example:"1"`
}

func (s *Server) reviewRoutes() {
	keep[listOfInput](s, operation{
		id: "list-reviews", method: http.MethodGet, path: "/v1/performances/{id}/reviews", tag: "reviews", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified, http.StatusUnprocessableEntity},
		summary: "See what customers think of a performance", about: "Newest first. Average and count are with the performance.",
	}, rests{on: ticketing.NounPerformance}, s.listReviews)
	register(s, operation{
		id: "get-review", method: http.MethodGet, path: "/v1/reviews/{id}", tag: "reviews", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See one review",
	}, s.getReview)
	register(s, operation{
		id: "get-my-review", method: http.MethodGet, path: "/v1/performances/{id}/reviews/mine", tag: "reviews", access: Customer,
		status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See your own review of a performance",
		about: "To change or delete it. 404 is `not_found` while you have written none.",
	}, s.getMyReview)
	register(s, operation{
		id: "create-review", method: http.MethodPost, path: "/v1/performances/{id}/reviews", tag: "reviews", access: Customer,
		status: http.StatusCreated, errors: []int{http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity},
		summary: "Review a performance you have seen",
		about: "One each. 403 is `ticket_required`: you have no confirmed reservation of it. 409 is `show_not_over` (`retry_at`: when it " +
			"will be) or `already_reviewed`.",
	}, s.createReview)
	register(s, operation{
		id: "update-review", method: http.MethodPut, path: "/v1/reviews/{id}", tag: "reviews", access: Customer,
		status: http.StatusOK, errors: []int{http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Change your review", about: "412 is `changed_meanwhile`.",
	}, s.updateReview)
	register(s, operation{
		id: "delete-review", method: http.MethodDelete, path: "/v1/reviews/{id}", tag: "reviews", access: Customer,
		status: http.StatusNoContent, errors: []int{http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Delete your review", about: "412 is `changed_meanwhile`.",
	}, s.deleteReview)
	register(s, operation{
		id: "moderate-review", method: http.MethodDelete, path: "/v1/admin/reviews/{id}", tag: "admin", access: Admin,
		status: http.StatusNoContent, errors: []int{http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Delete anybody's review", about: "412 is `changed_meanwhile`: it says something else by now.",
	}, s.moderateReview)
}

func (s *Server) listReviews(ctx context.Context, q question) (int64, page[reviewBody], error) {
	found, err := s.Catalogue.ReviewsOf(ctx, q.id, q.after, q.limit+1)
	return 0, pageOf(found, q.limit, reviewOnWire, func(r ticketing.Review) string { return q.list().cursorOfID(r.ID) }), err
}

func (s *Server) getReview(ctx context.Context, in *idInput) (*tagged[reviewBody], error) {
	r, err := s.Catalogue.Review(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return tag(http.StatusOK, r.Version, reviewOnWire(r), in.IfNoneMatch)
}

func (s *Server) getMyReview(ctx context.Context, in *idInput) (*tagged[reviewBody], error) {
	r, err := s.Catalogue.ReviewBy(ctx, in.ID, callerOf(ctx).User)
	if err != nil {
		return nil, err
	}
	return tag(http.StatusOK, r.Version, reviewOnWire(r), in.IfNoneMatch)
}

func (s *Server) createReview(ctx context.Context, in *createReviewInput) (*tagged[reviewBody], error) {
	r := ticketing.Review{PerformanceID: in.ID, User: callerOf(ctx).User, Rate: in.Body.Rate, Text: in.Body.Text}
	err := r.Validate()
	if err == nil {
		err = s.await(ctx, in.AfterPosition) // his reservation may only just have been confirmed
	}
	if err == nil {
		r, err = s.Catalogue.CreateReview(ctx, r, ticketing.MillisOf(s.Clock()))
	}
	if err != nil {
		return nil, err
	}
	return tag(http.StatusCreated, r.Version, reviewOnWire(r), "")
}

func (s *Server) updateReview(ctx context.Context, in *updateReviewInput) (*tagged[reviewBody], error) {
	r := ticketing.Review{ID: in.ID, User: callerOf(ctx).User, Rate: in.Body.Rate, Text: in.Body.Text}
	err := r.Validate()
	if err == nil {
		r.Version, err = in.version()
	}
	if err == nil {
		r, err = s.Catalogue.UpdateReview(ctx, r, ticketing.MillisOf(s.Clock()))
	}
	if err != nil {
		return nil, err
	}
	return tag(http.StatusOK, r.Version, reviewOnWire(r), "")
}

func (s *Server) deleteReview(ctx context.Context, in *deleteInput) (*struct{}, error) {
	version, err := in.version()
	if err == nil {
		err = s.Catalogue.DeleteReview(ctx, in.ID, callerOf(ctx).User, version)
	}
	return nil, err
}

func (s *Server) moderateReview(ctx context.Context, in *deleteInput) (*struct{}, error) {
	version, err := in.version()
	if err == nil {
		err = s.Catalogue.DeleteReview(ctx, in.ID, 0, version)
	}
	return nil, err
}

func reviewOnWire(r ticketing.Review) reviewBody {
	return reviewBody{
		ID: r.ID, PerformanceID: r.PerformanceID, Rate: r.Rate, Text: r.Text,
		CreatedAt: r.CreatedAt.Time(), EditedAt: moment(r.EditedAt), Version: r.Version,
	}
}
