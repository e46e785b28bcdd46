import { createHashRouter, Navigate } from "react-router";
import { AttentionPage } from "../features/attention/AttentionPage";
import { CheckinPage } from "../features/checkin/CheckinPage";
import { DashboardPage } from "../features/dashboard/DashboardPage";
import { GatePage } from "../features/gate/GatePage";
import { MonitorPage } from "../features/monitor/MonitorPage";
import { ProductsPage } from "../features/products/ProductsPage";
import { SettingsPage } from "../features/settings/SettingsPage";
import { SyncPage } from "../features/sync/SyncPage";
import { Frame } from "./Frame";

/** Where a person can be. The address is the only place that knows. */
export function createRouter() {
  return createHashRouter([
    {
      element: <Frame />,
      children: [
        { path: "/checkin", element: <CheckinPage /> },
        { path: "/gate", element: <GatePage /> },
        { path: "/monitor", element: <MonitorPage /> },
        { path: "/dashboard", element: <DashboardPage /> },
        { path: "/products", element: <ProductsPage /> },
        { path: "/settings", element: <SettingsPage /> },
        { path: "/sync", element: <SyncPage /> },
        { path: "/attention", element: <AttentionPage /> },
        { path: "*", element: <Navigate to="/checkin" replace /> },
      ],
    },
  ]);
}
