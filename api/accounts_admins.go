package api

import (
	"context"
	"net/http"

	"ticketblue/api/auth"
	"ticketblue/ticketing"
)

type adminsInput struct {
	After string `query:"after" maxLength:"80" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
}

type adminsOutput struct{ Body page[accountBody] }

type createAdminInput struct {
	Body struct {
		Email string `json:"email" minLength:"3" maxLength:"254" example:"lee@example.com"`
		Name  string `json:"name" minLength:"1" maxLength:"50" example:"이바다"`
	}
}

type dropAdminInput struct {
	ID int64 `path:"id" minimum:"1" example:"8"`
}

func (s *Server) adminRoutes() {
	register(s, operation{
		id: "list-admins", method: http.MethodGet, path: "/v1/admin/admins", tag: "admins", access: Admin,
		status: http.StatusOK, errors: []int{http.StatusUnprocessableEntity}, summary: "List the admins",
	}, s.listAdmins)
	register(s, operation{
		id: "create-admin", method: http.MethodPost, path: "/v1/admin/admins", tag: "admins", access: Admin,
		status: http.StatusCreated, errors: []int{http.StatusConflict, http.StatusUnprocessableEntity}, summary: "Make another admin",
		about: "He sets his password by a mail, within 24 hours. `email_taken` when there is an account: a customer's cannot become an admin's.",
	}, s.createAdmin)
	register(s, operation{
		id: "drop-admin", method: http.MethodDelete, path: "/v1/admin/admins/{id}", tag: "admins", access: Admin,
		status: http.StatusNoContent, errors: []int{http.StatusConflict}, summary: "Make an admin a customer",
		about: "Ends his sessions; his tokens open no admin's operation from now on. `own_account` for oneself, so that one remains.",
	}, s.dropAdmin)
}

func (s *Server) listAdmins(ctx context.Context, in *adminsInput) (*adminsOutput, error) {
	l := listOf("list-admins")
	after, err := l.afterID(in.After)
	if err != nil {
		return nil, err
	}
	found, err := s.Accounts.Admins(ctx, ticketing.UserID(after), in.Limit+1)
	if err != nil {
		return nil, err
	}
	onWire := func(u ticketing.User) accountBody { return accountBody{int64(u.ID), u.Email, u.Name, string(u.Role)} }
	return &adminsOutput{pageOf(found, in.Limit, onWire, func(u ticketing.User) string { return l.cursorOfID(int64(u.ID)) })}, nil
}

func (s *Server) createAdmin(ctx context.Context, in *createAdminInput) (*accountOutput, error) {
	email, err := auth.Email(in.Body.Email)
	if err != nil {
		return nil, err
	}
	if err := auth.CheckName(in.Body.Name); err != nil {
		return nil, err
	}
	now := s.Clock()
	user := ticketing.User{Email: email, Name: in.Body.Name, Role: ticketing.Admin, CreatedAt: now}
	id, err := s.Accounts.CreateAdmin(ctx, user, now.Add(InviteLife))
	if err != nil {
		return nil, err
	}
	concerns(ctx, "admin", id)
	return &accountOutput{accountBody{int64(id), email, user.Name, string(user.Role)}}, nil
}

func (s *Server) dropAdmin(ctx context.Context, in *dropAdminInput) (*struct{}, error) {
	if ticketing.UserID(in.ID) == callerOf(ctx).User {
		return nil, problem(codeOwnAccount, "")
	}
	return nil, s.Accounts.DropAdmin(ctx, ticketing.UserID(in.ID))
}
