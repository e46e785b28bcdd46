import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Outlet, useLocation, useNavigate } from "react-router";
import { ScanContext } from "../components/scan";
import { VenueContext } from "../components/venueTime";
import { OpenReceipts } from "../features/checkin/OpenReceipts";
import { BandCard } from "./BandCard";
import { ErrorBoundary } from "./ErrorBoundary";
import { Header } from "./Header";
import { KeysHelp } from "./KeysHelp";
import { Rail } from "./Rail";
import { StaleBanner } from "./StaleBanner";
import { useShortcuts } from "./shortcuts/useShortcuts";
import { useVenueCustoms } from "./useVenueCustoms";
import { VIEWS } from "./views";

/** Rail, header and the one view; scans and keys are heard here, whatever has the focus. */
export function Frame() {
  const { t } = useTranslation();
  const customs = useVenueCustoms();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const [helpOpen, setHelpOpen] = useState(false);
  const scans = useShortcuts({
    onView: (number) => {
      const view = VIEWS[number - 1];
      if (view) void navigate(`/${view.name}`);
    },
    onHelp: () => setHelpOpen(true),
    onScan: (code) => void navigate(`${pathname}?card=${encodeURIComponent(code)}`),
  });
  useEffect(() => {
    if (pathname) focusNewView();
  }, [pathname]);
  return (
    <VenueContext value={customs}>
      <ScanContext value={scans}>
        <div className="frame">
          <button type="button" className="skip" onClick={focusView}>
            {t("nav.skip")}
          </button>
          <Rail onHelp={() => setHelpOpen(true)} />
          <Header />
          <main id="view" className="view" tabIndex={-1}>
            {/* Sync says it itself, and more. */}
            {pathname !== "/sync" && <StaleBanner />}
            <OpenReceipts>
              <ErrorBoundary key={pathname}>
                <Outlet />
              </ErrorBoundary>
            </OpenReceipts>
          </main>
        </div>
        <BandCard />
        <KeysHelp open={helpOpen} onClose={() => setHelpOpen(false)} />
      </ScanContext>
    </VenueContext>
  );
}

/** Where the keyboard goes on in a view that has just opened, unless the view itself put it somewhere. */
function focusNewView(): void {
  const { activeElement } = document;
  if (activeElement === document.body || activeElement?.closest(".rail")) focusView();
}

/** Past the rail and the header, for whoever comes by keyboard. */
function focusView(): void {
  document.getElementById("view")?.focus();
}
