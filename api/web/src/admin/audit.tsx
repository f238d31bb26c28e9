// What admins did.
import { Failed, Loading, usePaged } from "../pages/parts";
import { dateTime, t } from "../words";

interface Entry {
  id: number;
  at: string;
  user: number; // 0: nobody who has an account
  operation: string;
  targets: Record<string, string>;
  status?: number;
}

export function AuditPage() {
  const { value, failed, retry, more } = usePaged<Entry>("/admin/audit?limit=50");
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  return (
    <>
      <h1>{t("admin.audit")}</h1>
      <p class="hint">{t("audit.lead")}</p>
      <div class="card scroll">
        <table class="counts audit">
          <thead><tr><th scope="col">{t("audit.at")}</th><th scope="col">{t("audit.who")}</th><th scope="col">{t("audit.what")}</th><th scope="col">{t("audit.target")}</th><th scope="col">{t("audit.status")}</th></tr></thead>
          <tbody>{value.value.items.map((e) => (
            <tr key={e.id}>
              <th scope="row">{dateTime(e.at)}</th><td data-of={t("audit.who")}>{e.user || t("audit.command")}</td><td data-of={t("audit.what")}>{e.operation}</td>
              <td data-of={t("audit.target")}>{Object.entries(e.targets).map(([name, of]) => `${name} ${of}`).join(", ")}</td><td data-of={t("audit.status")}>{e.status ?? t("audit.unknown")}</td>
            </tr>
          ))}</tbody>
        </table>
      </div>
      {more}
    </>
  );
}
