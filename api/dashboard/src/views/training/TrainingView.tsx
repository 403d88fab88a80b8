export function TrainingView() {
  return <h1>Training</h1>;
}
