// The frame around all pages for admins, and a bundle of its own with their words: customers never load it. What admins
// may do the server decides; this only leads there.
import type { ComponentChildren } from "preact";
import { useTitle } from "../pages/parts";
import { pages } from "../router";
import { learnWords, t } from "../words";
import en from "../words/admin.en.json";
import ko from "../words/admin.ko.json";
import { AuditPage } from "./audit";
import { BoardPage } from "./board";
import { CampaignsPage } from "./campaigns";
import { HallPage, HallsPage } from "./halls";
import { JobsPage } from "./jobs";
import { AdminsPage, PerformersPage } from "./people";
import { FoundPage } from "./reservations";
import { ShowPage, ShowsPage } from "./shows";

learnWords({ ko, en });

/** Console is a page for the admin whose id is me. */
export function Console({ path, me }: { path: string; me: number }) {
  return <Frame path={path}>{page(path, me)}</Frame>;
}

const tabs = [
  ["/admin", "admin.shows"], ["/admin/halls", "admin.halls"], ["/admin/performers", "admin.performers"], ["/admin/campaigns", "admin.campaigns"],
  ["/admin/reservations", "admin.reservations"], ["/admin/jobs", "admin.jobs"], ["/admin/admins", "admin.admins"], ["/admin/audit", "admin.audit"],
] as const;

function Frame({ path, children }: { path: string; children: ComponentChildren }) {
  const at = path.startsWith("/admin/halls") ? "/admin/halls" : tabs.some(([to]) => to === path) ? path : "/admin";
  useTitle(t(tabs.find(([to]) => to === at)![1]) + " · " + t("admin.title"));
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
