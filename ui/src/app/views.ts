import {
  ArrowLeftRight,
  DoorOpen,
  Gauge,
  LayoutGrid,
  type LucideIcon,
  Package,
  ScanBarcode,
  Settings,
  TriangleAlert,
} from "lucide-react";

export interface View {
  name: "checkin" | "gate" | "monitor" | "dashboard" | "products" | "settings" | "sync" | "attention";
  icon: LucideIcon;
  /** Which part of the rail it stands in. */
  part: "work" | "office" | "foot";
}

/** The views in the order of the rail; the first has the key 1. */
export const VIEWS: readonly View[] = [
  { name: "checkin", icon: ScanBarcode, part: "work" },
  { name: "gate", icon: DoorOpen, part: "work" },
  { name: "monitor", icon: LayoutGrid, part: "work" },
  { name: "dashboard", icon: Gauge, part: "work" },
  { name: "products", icon: Package, part: "office" },
  { name: "settings", icon: Settings, part: "office" },
  { name: "sync", icon: ArrowLeftRight, part: "foot" },
  { name: "attention", icon: TriangleAlert, part: "foot" },
];
