import { QueryClientProvider } from "@tanstack/react-query";
import type { i18n } from "i18next";
import { useEffect, useState } from "react";
import { I18nProvider } from "react-aria-components";
import { I18nextProvider, useTranslation } from "react-i18next";
import { RouterProvider } from "react-router";
import type { Ipc } from "../ipc/client";
import { IpcContext } from "../ipc/IpcContext";
import { connectQueries, type VenueQueries } from "../ipc/queries";
import { Doorway } from "./Doorway";
import { ErrorBoundary } from "./ErrorBoundary";
import { createRouter } from "./router";
import "./app.css";

interface AppProps {
  ipc: Ipc;
  i18n: i18n;
}

/** The window: everything below it gets the core, the query cache, the words and the route from here. */
export function App({ ipc, i18n }: AppProps) {
  const queries = useQueries(ipc);
  const [router] = useState(createRouter);
  if (!queries) return null;
  return (
    <I18nextProvider i18n={i18n}>
      <AriaLanguage>
        <ErrorBoundary>
          <IpcContext value={ipc}>
            <QueryClientProvider client={queries.client}>
              <Doorway>
                <RouterProvider router={router} />
              </Doorway>
            </QueryClientProvider>
          </IpcContext>
        </ErrorBoundary>
      </AriaLanguage>
    </I18nextProvider>
  );
}

function AriaLanguage({ children }: { children: React.ReactNode }) {
  const { i18n } = useTranslation();
  return <I18nProvider locale={i18n.language}>{children}</I18nProvider>;
}

function useQueries(ipc: Ipc): VenueQueries | null {
  const [queries, setQueries] = useState<VenueQueries | null>(null);
  useEffect(() => {
    const connected = connectQueries(ipc);
    let gone = false;
    void connected.start().then(() => {
      if (!gone) setQueries(connected);
    });
    return () => {
      gone = true;
      connected.stop();
      setQueries(null);
    };
  }, [ipc]);
  return queries;
}
