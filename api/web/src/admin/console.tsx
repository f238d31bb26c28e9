// The frame around all pages for admins. What they may do the server decides; this only leads there.
import type { ComponentChildren } from "preact";
import { pages } from "../router";
import { Account } from "../pages/parts";
import { t } from "../words";
import { AuditPage } from "./audit";
import { BoardPage } from "./board";
import { CampaignsPage } from "./campaigns";
import { HallPage, HallsPage } from "./halls";
import { JobsPage } from "./jobs";
import { AdminsPage, PerformersPage } from "./people";
import { FoundPage } from "./reservations";
import { ShowPage, ShowsPage } from "./shows";

export function AdminPage({ path }: { path: string }) {
  return (
    <Account title={t("admin.title")} lead={t("admin.login")}>
      {(who) => who.role === "admin" ? <Console path={path}>{page(path, who.id)}</Console> : (
        <div class="failed"><h1>{t("error.title")}</h1><p>{t("error.notfound")}</p><p><a class="secondary" href="/">{t("error.home")}</a></p></div>
      )}
    </Account>
  );
}

const tabs = [
  ["/admin", "admin.shows"], ["/admin/halls", "admin.halls"], ["/admin/performers", "admin.performers"], ["/admin/campaigns", "admin.campaigns"],
  ["/admin/reservations", "admin.reservations"], ["/admin/jobs", "admin.jobs"], ["/admin/admins", "admin.admins"], ["/admin/audit", "admin.audit"],
] as const;

function Console({ path, children }: { path: string; children: ComponentChildren }) {
  const at = path.startsWith("/admin/halls") ? "/admin/halls" : tabs.some(([to]) => to === path) ? path : "/admin";
  return (
    <div class="console">
      <ul class="tabs" aria-label={t("admin.title")}>
        {tabs.map(([to, word]) => <li key={to}><a href={to} aria-current={at === to ? "page" : undefined}>{t(word)}</a></li>)}
      </ul>
      {children}
    </div>
  );
}

function page(path: string, me: number) {
  const hall = pages.adminHall.exec(path), show = pages.adminPerformance.exec(path), round = pages.adminRound.exec(path);
  if (hall) return <HallPage key={hall[1]} id={Number(hall[1]) || 0} />;
  if (show) return <ShowPage key={show[1]} id={Number(show[1]) || 0} />;
  if (round) return <BoardPage key={round[1]} id={Number(round[1])} />;
  if (path === "/admin/halls") return <HallsPage />;
  if (path === "/admin/reservations") return <FoundPage />;
  if (path === "/admin/jobs") return <JobsPage />;
  if (path === "/admin/performers") return <PerformersPage />;
  if (path === "/admin/campaigns") return <CampaignsPage />;
  if (path === "/admin/admins") return <AdminsPage me={me} />;
  if (path === "/admin/audit") return <AuditPage />;
  return <ShowsPage />;
}
