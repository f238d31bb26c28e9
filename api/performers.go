package api

import (
	"cmp"
	"context"
	"net/http"

	"ticketblue/ticketing"
)

type performerFields struct {
	Name   string `json:"name" minLength:"1" maxLength:"50" example:"조승우"`
	Nation string `json:"nation,omitempty" maxLength:"50" example:"대한민국"`
	Birth  string `json:"birth,omitempty" format:"date" doc:"From 1900-01-01 to today" example:"1980-03-28"`
}

type performerBody struct {
	ID      int64  `json:"id" example:"1"`
	Name    string `json:"name" example:"조승우"`
	Nation  string `json:"nation,omitempty" example:"대한민국"`
	Birth   string `json:"birth,omitempty" example:"1980-03-28"`
	Version int64  `json:"version" doc:"Counts its changes" example:"3"`
}

type performersInput struct {
	Prefix   string `query:"prefix" maxLength:"50" doc:"Names that begin so, capitals or not" example:"조"`
	Contains string `query:"contains" maxLength:"50" doc:"Names that have it anywhere, capitals or not; slower" example:"승우"`
	Limit    int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	After    string `query:"after" maxLength:"400" doc:"The next of the page before"`
	Conditional
}

type idInput struct {
	ID int64 `path:"id" minimum:"1" example:"1"`
	Conditional
}

type deleteInput struct {
	ID int64 `path:"id" minimum:"1" example:"1"`
	Expecting
}

type createPerformerInput struct{ Body performerFields }

type updatePerformerInput struct {
	ID int64 `path:"id" minimum:"1" example:"1"`
	Expecting
	Body performerFields
}

func (s *Server) performerRoutes() {
	register(s, operation{
		id: "list-performers", method: http.MethodGet, path: "/v1/performers", tag: "performers", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified, http.StatusUnprocessableEntity},
		summary: "Find performers", about: "In the order of their names.",
	}, s.listPerformers)
	keep[idInput](s, operation{
		id: "get-performer", method: http.MethodGet, path: "/v1/performers/{id}", tag: "performers", access: Public,
		status: http.StatusOK, errors: []int{http.StatusNotModified}, summary: "See one performer",
	}, rests{on: ticketing.NounPerformer}, s.getPerformer)
	register(s, operation{
		id: "create-performer", method: http.MethodPost, path: "/v1/admin/performers", tag: "admin", access: Admin,
		status: http.StatusCreated, errors: []int{http.StatusUnprocessableEntity}, summary: "Add a performer",
	}, s.createPerformer)
	register(s, operation{
		id: "update-performer", method: http.MethodPut, path: "/v1/admin/performers/{id}", tag: "admin", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Replace what is known of a performer", about: "412 is `changed_meanwhile`.",
	}, s.updatePerformer)
	register(s, operation{
		id: "delete-performer", method: http.MethodDelete, path: "/v1/admin/performers/{id}", tag: "admin", access: Admin,
		status: http.StatusNoContent, errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity},
		summary: "Delete a performer", about: "409 is `in_use`: take him out of his performances first. 412 is `changed_meanwhile`.",
	}, s.deletePerformer)
}

func (s *Server) listPerformers(ctx context.Context, in *performersInput) (*tagged[page[performerBody]], error) {
	l := listOf("list-performers", in.Prefix, in.Contains)
	id, name, err := l.place(in.After)
	if err = cmp.Or(err, checkWords("prefix", in.Prefix), checkWords("contains", in.Contains)); err != nil {
		return nil, err
	}
	found, err := s.Catalogue.Performers(ctx, ticketing.PerformerFilter{Prefix: composed(in.Prefix), Contains: composed(in.Contains)},
		ticketing.PerformerCursor{Name: name, ID: id}, in.Limit+1)
	if err != nil {
		return nil, err
	}
	body := pageOf(found, in.Limit, performerOnWire, func(p ticketing.Performer) string { return l.cursor(p.ID, p.Name) })
	return tag(http.StatusOK, 0, body, in.IfNoneMatch)
}

func (s *Server) getPerformer(ctx context.Context, q question) (int64, performerBody, error) {
	p, err := s.Catalogue.Performer(ctx, q.id)
	return p.Version, performerOnWire(p), err
}

func (s *Server) createPerformer(ctx context.Context, in *createPerformerInput) (*tagged[performerBody], error) {
	p := in.Body.record()
	err := p.Validate(s.today())
	if err == nil {
		p, err = s.Catalogue.CreatePerformer(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	concerns(ctx, ticketing.NounPerformer, p.ID)
	return tag(http.StatusCreated, p.Version, performerOnWire(p), "")
}

func (s *Server) updatePerformer(ctx context.Context, in *updatePerformerInput) (*tagged[performerBody], error) {
	p := in.Body.record()
	p.ID = in.ID
	var err error
	if p.Version, err = in.version(); err == nil {
		err = p.Validate(s.today())
	}
	if err == nil {
		p, err = s.Catalogue.UpdatePerformer(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	return tag(http.StatusOK, p.Version, performerOnWire(p), "")
}

func (s *Server) deletePerformer(ctx context.Context, in *deleteInput) (*struct{}, error) {
	version, err := in.version()
	if err == nil {
		err = s.Catalogue.DeletePerformer(ctx, in.ID, version)
	}
	return nil, err
}

func (f performerFields) record() ticketing.Performer {
	return ticketing.Performer{Name: f.Name, Nation: f.Nation, Birth: ticketing.Day(f.Birth)}
}

func performerOnWire(p ticketing.Performer) performerBody {
	return performerBody{ID: p.ID, Name: p.Name, Nation: p.Nation, Birth: string(p.Birth), Version: p.Version}
}
