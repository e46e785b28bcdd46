import { Component } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../components/Action";
import { Blank } from "../components/Blank";

interface Props {
  children: React.ReactNode;
}

/** Keeps a view that broke from taking the window with it. */
export class ErrorBoundary extends Component<Props, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return <Broken onReopen={() => this.setState({ broken: false })} />;
  }
}

function Broken({ onReopen }: { onReopen: () => void }) {
  const { t } = useTranslation();
  return (
    <main role="alert">
      <Blank
        title={t("state.crashed")}
        help={t("state.crashedHelp")}
        action={<Action onPress={onReopen}>{t("state.reopen")}</Action>}
      />
    </main>
  );
}
